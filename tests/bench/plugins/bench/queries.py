"""The compiled command of the notes."""

from typing import Final

from sqlalchemy import bindparam, insert

from ports.storage import Command
from tests.bench.plugins.bench.tables import Note

ADD: Final = Command(insert(Note).values(id=bindparam("id"), label=bindparam("label"), number=bindparam("number")))
