"""Compiled statements."""

from sqlalchemy import bindparam, insert, select

from hexastar_guestbook.schemas import EntryOut
from hexastar_guestbook.tables import Entry
from ports.storage import Command, Query

COLUMNS = (Entry.id, Entry.name, Entry.message)
ADD = Command(insert(Entry).values(id=bindparam("id"), name=bindparam("name"), message=bindparam("message")))
LATEST = Query(select(*COLUMNS).order_by(Entry.id.desc()).limit(20), into=EntryOut)
ONE = Query(select(*COLUMNS).where(Entry.id == bindparam("id")), into=EntryOut)
