"""The plugin's statements."""

from typing import Final

from sqlalchemy import Double, Text, bindparam, cast, func, insert, select

from ports.storage import Command, Query
from tally.schemas import Count
from tally.tables import Effect, Entry

ADD_ENTRY: Final = Command(insert(Entry).values(id=bindparam("id"), label=bindparam("label")))
ADD_EFFECT: Final = Command(insert(Effect).values(id=bindparam("id"), subject=bindparam("subject")))
COUNT: Final = Query(select(func.count().label("count")).select_from(Entry), into=Count)
SLEEP: Final = Query(select(cast(func.pg_sleep(bindparam("seconds", type_=Double)), Text)), into=str)
