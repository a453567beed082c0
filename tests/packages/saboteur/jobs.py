"""Jobs that fail as their payload says."""

from typing import Any

import msgspec

from core.jobs.declare import Discard, Retry, job
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from ports.mail import Mail, Message
from saboteur.database import quote_in_statement
from saboteur.ways import fail


class Order(msgspec.Struct):
    """How to fail, and which words to quote."""

    way: str = ""
    words: str = ""
    details: dict[str, str] = {}


@job("saboteur.fail", stepwise=True, attempts=2, backoff=(0.05,), timeout=2.0)
async def failing(payload: Order) -> None:
    """Fail, or do nothing."""
    match payload.way:
        case "retry":
            raise Retry("it asks to be tried again", after=0.05)
        case "discard":
            raise Discard("it asks to be given up")
    await fail(payload.way, payload.words)


@job("saboteur.write", attempts=2, backoff=(0.05,))
async def writing(payload: Order, uow: UnitOfWork) -> None:
    """Let the database refuse a value, in the unit of work that would mark the job done."""
    await quote_in_statement(await uow.connection(), payload.way, payload.words)


@job("saboteur.send", stepwise=True, attempts=2, backoff=(0.05,))
async def sending(payload: Order, mail: Mail, units: UnitOfWorkFactory) -> None:
    """Send a mail with these words."""
    del units
    message = Message(
        message_id="<words@saboteur.example>",
        recipients=("ada@example.org",),
        subject="A letter",
        text=payload.words,
    )
    await mail.send(message)


ALL: list[Any] = [failing, writing, sending]
