"""Two routes."""

from litestar import get, post
from litestar.params import JSONBody

from core.auth import PUBLIC
from core.clock import new_id
from core.http.injected import Injected
from core.unit_of_work import UnitOfWork
from hexastar_guestbook import queries
from hexastar_guestbook.jobs import tell_owner
from hexastar_guestbook.schemas import Entries, EntryOut, Signature, TellOwner
from ports.storage import Storage


@post("/api/v1/guestbook/entries", access=PUBLIC)
async def sign(data: JSONBody[Signature], uow: Injected[UnitOfWork]) -> EntryOut:
    """Sign the book."""
    entry = EntryOut(id=new_id(), name=data.name, message=data.message)
    await uow.execute(queries.ADD, id=entry.id, name=entry.name, message=entry.message)
    await uow.enqueue(tell_owner, TellOwner(entry_id=entry.id))
    return entry


@get("/api/v1/guestbook/entries", access=PUBLIC)
async def read_entries(storage: Injected[Storage]) -> Entries:
    """Read the newest signatures."""
    return Entries(data=await storage.fetch_all(queries.LATEST))
