"""Rules, and the revision that grows with every change of rules or settings."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, Integer, Uuid, any_, bindparam, column, delete, func, or_, select, update
from sqlalchemy import literal_column as sql
from sqlalchemy.dialects.postgresql import insert

from core.http.pagination import keyset
from plugins.verification.stub.tables import StubRule, StubSetting
from ports.storage import Command, Query


class RuleRow(msgspec.Struct, frozen=True):
    """A rule as it is stored."""

    id: UUID
    position: int
    revision: int
    name: str
    priority: int
    definition: str
    times: int | None
    used: int
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


class RuleMark(msgspec.Struct, frozen=True):
    """Which version of a rule is in force."""

    id: UUID
    revision: int


class Usage(msgspec.Struct, frozen=True):
    """How many rules there are, and how many bytes their definitions have together."""

    rules: int
    size: int


class SettingsRow(msgspec.Struct, frozen=True):
    """The settings, and the revision of everything."""

    revision: int
    settings_revision: int
    settings: dict[str, Any]


_NEXT: Final = func.nextval(sql("'verification.stub_revision'"), type_=BigInteger)
_ROW: Final = select(*(getattr(StubRule, name) for name in RuleRow.__struct_fields__))
_BUMP: Final = insert(StubSetting).values(id=1, revision=_NEXT)
_WRITTEN: Final[dict[str, Any]] = {
    name: bindparam(name)
    for name in (
        "name", "priority", "revision", "definition", "scenario", "required_state", "new_state", "times", "expires_at",
    )
}  # fmt: skip
_NEW: Final = insert(StubRule).values(id=bindparam("id"), position=_NEXT, **_WRITTEN)

_LISTED: Final = ("id", *(name for name in _WRITTEN if name != "revision"))
_GIVEN: Final = (
    func.unnest(*(bindparam(name, type_=ARRAY(StubRule.__table__.c[name].type)) for name in _LISTED))
    .table_valued(
        *(column(name, StubRule.__table__.c[name].type) for name in _LISTED), with_ordinality="place", name="given"
    )
    .render_derived()
)
_IN_ORDER: Final = select(*(_GIVEN.c[name] for name in _LISTED)).order_by(_GIVEN.c.place).subquery("in_order")
_ALL: Final = insert(StubRule).from_select(
    [*_LISTED, "revision", "position"],
    select(*(_IN_ORDER.c[name] for name in _LISTED), bindparam("revision", type_=BigInteger), _NEXT),
)

BUMP: Final = Command(
    _BUMP.on_conflict_do_update(index_elements=[StubSetting.id], set_={"revision": _NEXT}).returning(
        StubSetting.revision
    ),
    into=int,
)
"""The next revision. Until the transaction ends nobody else changes rules or settings."""

PUT_SETTINGS: Final = Command(
    update(StubSetting)
    .where(StubSetting.id == 1)
    .values(settings=bindparam("settings"), settings_revision=StubSetting.revision)
)
SETTINGS: Final = Query(
    select(StubSetting.revision, StubSetting.settings_revision, StubSetting.settings).where(StubSetting.id == 1),
    into=SettingsRow,
)

USAGE: Final = Query(
    select(
        func.count().label("rules"),
        func.coalesce(func.sum(func.octet_length(StubRule.definition)), 0, type_=BigInteger).label("size"),
    ).select_from(StubRule),
    into=Usage,
)
ADD: Final = Command(_NEW)
PUT_ALL: Final = Command(
    _ALL.on_conflict_do_update(
        index_elements=[StubRule.id],
        set_={**{name: _ALL.excluded[name] for name in (*_WRITTEN, "position")}, "used": 0},
    )
)
"""Adds rules under their ids, each newer than the one before it, in the place of those that had the ids.

Each parameter but the revision has the values of all rules, in their order: thousands of statements, one a rule, would
keep everybody else from changing rules for seconds.
"""

REPLACE: Final = Command(update(StubRule).where(StubRule.id == bindparam("rule_id")).values(**_WRITTEN, used=0))
DELETE: Final = Command(delete(StubRule).where(StubRule.id == bindparam("rule_id")))
DELETE_ALL: Final = Command(delete(StubRule))
BY_ID: Final = Query(_ROW.where(StubRule.id == bindparam("rule_id")), into=RuleRow)
NEWEST: Final = Query(_ROW.order_by(StubRule.position.desc()).limit(bindparam("count", type_=Integer)), into=RuleRow)
NEWEST_AFTER: Final = Query(
    _ROW.where(keyset({"position": StubRule.__table__.c.position}, descending=True))
    .order_by(StubRule.position.desc())
    .limit(bindparam("count", type_=Integer)),
    into=RuleRow,
)
OLDEST_FIRST: Final = Query(_ROW.order_by(StubRule.position), into=RuleRow)
MARKS: Final = Query(select(StubRule.id, StubRule.revision), into=RuleMark)
THESE: Final = Query(_ROW.where(StubRule.id == any_(bindparam("ids", type_=ARRAY(Uuid)))), into=RuleRow)
USE: Final = Command(
    update(StubRule)
    .where(
        StubRule.id == bindparam("rule_id"),
        StubRule.revision == bindparam("known_revision"),
        or_(StubRule.times.is_(None), StubRule.used < StubRule.times),
    )
    .values(used=StubRule.used + 1)
)
"""Counts one use of a rule; no row where its uses are up, or where it is another rule by now."""
