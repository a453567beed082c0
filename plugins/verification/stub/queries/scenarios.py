"""The states of scenarios. An advance is one guarded statement: whoever comes second affects no row."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import Integer, Text, bindparam, delete, func, literal, or_, select, union, update
from sqlalchemy.dialects.postgresql import insert

from plugins.verification.stub.tables import StubRule, StubScenarioInstance
from ports.storage import Command, Query

INSTANCES_SHOWN: Final = 100


class InstanceRow(msgspec.Struct, frozen=True):
    """The state of a scenario for one key."""

    key: str
    state: str
    hits: int
    updated_at: datetime


class StepRow(msgspec.Struct, frozen=True):
    """The part that one rule has in a scenario."""

    id: UUID
    required_state: str | None
    new_state: str | None


_INSTANCE: Final = StubScenarioInstance
_HERE: Final = (_INSTANCE.name == bindparam("name"), _INSTANCE.key == bindparam("key"))
_NAMES: Final = union(
    select(StubRule.scenario.label("name")).where(StubRule.scenario.is_not(None)), select(_INSTANCE.name)
).subquery()
_ROW: Final = select(*(getattr(_INSTANCE, name) for name in InstanceRow.__struct_fields__))
_NEW: Final = insert(_INSTANCE)

STATE: Final = Query(select(_INSTANCE.state).where(*_HERE), into=str)
BEGIN: Final = Command(
    _NEW.from_select(
        ["id", "name", "key", "state"],
        select(
            bindparam("id", type_=_INSTANCE.id.type),
            bindparam("name", type_=Text),
            bindparam("key", type_=Text),
            bindparam("state", type_=Text),
        ).where(
            select(func.count()).select_from(_INSTANCE).where(_INSTANCE.name == bindparam("name")).scalar_subquery()
            < bindparam("most", type_=Integer)
        ),
        include_defaults=False,
    ).on_conflict_do_nothing(index_elements=[_INSTANCE.name, _INSTANCE.key])
)
"""Has an instance begin, unless there is one or there are too many."""

ADVANCE: Final = Command(
    update(_INSTANCE)
    .where(*_HERE, _INSTANCE.state == bindparam("required"))
    .values(state=bindparam("new"), hits=_INSTANCE.hits + 1)
    .returning(_INSTANCE.state),
    into=str,
)
PUT: Final = Command(
    _NEW.values(id=bindparam("id"), name=bindparam("name"), key=bindparam("key"), state=bindparam("state"))
    .on_conflict_do_update(index_elements=[_INSTANCE.name, _INSTANCE.key], set_={"state": _NEW.excluded.state})
    .returning(*(getattr(_INSTANCE, name) for name in InstanceRow.__struct_fields__)),
    into=InstanceRow,
)
STEPS: Final = Query(
    select(StubRule.id, StubRule.required_state, StubRule.new_state).where(StubRule.scenario == bindparam("name")),
    into=StepRow,
)
NAMES: Final = Query(
    select(_NAMES.c.name)
    .where(or_(bindparam("after", type_=Text).is_(None), _NAMES.c.name > bindparam("after", type_=Text)))
    .order_by(_NAMES.c.name)
    .limit(bindparam("count", type_=Integer)),
    into=str,
)
INSTANCES: Final = Query(
    _ROW.where(_INSTANCE.name == bindparam("name")).order_by(_INSTANCE.key).limit(literal(INSTANCES_SHOWN)),
    into=InstanceRow,
)
COUNT: Final = Query(select(func.count()).select_from(_INSTANCE).where(_INSTANCE.name == bindparam("name")), into=int)
RESET: Final = Command(delete(_INSTANCE).where(_INSTANCE.name == bindparam("name")))
RESET_ALL: Final = Command(delete(_INSTANCE))
