"""One job."""

from typing import Any

from core.jobs.declare import job
from core.unit_of_work import UnitOfWorkFactory
from hexastar_guestbook import queries
from hexastar_guestbook.schemas import TellOwner
from ports.mail import Mail, Message


@job("guestbook.tell_owner", stepwise=True)
async def tell_owner(payload: TellOwner, units: UnitOfWorkFactory, mail: Mail, settings: Any) -> None:
    """Tell the owner that somebody signed."""
    async with units() as uow:
        entry = await uow.fetch_one(queries.ONE, id=payload.entry_id)
    if entry is not None:
        message_id = f"<{entry.id}@guestbook.example>"
        await mail.send(
            Message(
                message_id=message_id, recipients=(settings.owner,), subject=f"{entry.name} signed", text=entry.message
            )
        )
