"""The same insert, once by each door."""

from litestar import post
from litestar.params import JSONBody

from core.auth import AUTHENTICATED
from core.clock import new_id
from core.http.injected import Injected
from core.unit_of_work import UnitOfWork
from tests.bench.plugins.bench import queries
from tests.bench.plugins.bench.schemas import NoteIn, NoteOut
from tests.bench.plugins.bench.tables import Note


@post("/api/v1/bench/notes/compiled", access=AUTHENTICATED)
async def add_compiled(data: JSONBody[NoteIn], uow: Injected[UnitOfWork]) -> NoteOut:
    """Insert by the compiled door."""
    note = NoteOut(new_id(), data.label, data.number)
    await uow.execute(queries.ADD, id=note.id, label=note.label, number=note.number)
    return note


@post("/api/v1/bench/notes/session", access=AUTHENTICATED)
async def add_by_session(data: JSONBody[NoteIn], uow: Injected[UnitOfWork]) -> NoteOut:
    """Insert by the session door, as a statement."""
    note = NoteOut(new_id(), data.label, data.number)
    await uow.session.execute(queries.STATEMENT, {"id": note.id, "label": note.label, "number": note.number})
    return note


@post("/api/v1/bench/notes/object", access=AUTHENTICATED)
async def add_object(data: JSONBody[NoteIn], uow: Injected[UnitOfWork]) -> NoteOut:
    """Insert by the session door, as a mapped object."""
    note = NoteOut(new_id(), data.label, data.number)
    uow.session.add(Note(id=note.id, label=note.label, number=note.number))
    return note
