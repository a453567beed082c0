"""The statement that inserts a note, made once for each door."""

from typing import Final

from sqlalchemy import bindparam, insert

from ports.storage import Command
from tests.bench.plugins.bench.tables import Note

ADD: Final = Command(insert(Note).values(id=bindparam("id"), label=bindparam("label"), number=bindparam("number")))

STATEMENT: Final = insert(Note.__table__)
"""The same for a session: on the table, since an insert on the class goes through the mapper's bulk machinery."""
