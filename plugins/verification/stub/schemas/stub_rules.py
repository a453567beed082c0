"""What is sent and answered about rules."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from core.http.values import Timestamp
from plugins.verification.stub.rules.criteria import Criteria
from plugins.verification.stub.rules.definition import RuleDefinition, ScenarioStep, StubAnswer

MAX_IMPORTED = 2_000


class RuleOut(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it stands; `used` counts its answers where they are limited."""

    id: UUID
    name: str
    priority: int
    unreadable: Annotated[
        str | None,
        msgspec.Meta(
            description="Why this version of the program cannot read the rule, which another one wrote. It answers "
            "nothing then, and `match`, `scenario` and `response` are null."
        ),
    ]
    match: Criteria | None
    scenario: ScenarioStep | None
    response: StubAnswer | None
    times: int | None
    used: int
    expires_at: datetime | None
    created_at: datetime


class RuleIn(RuleDefinition, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rule to be saved."""

    expires_at: Timestamp | None = None


class ExportedRule(RuleIn, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rule with its id, under which it is imported again; without one it is a new rule."""

    id: UUID | None = None


class RuleExport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every rule, the oldest first: what an import makes the same again."""

    rules: Annotated[list[ExportedRule], msgspec.Meta(max_length=MAX_IMPORTED)]


class ImportOut(msgspec.Struct, frozen=True, kw_only=True):
    """How many rules an import wrote."""

    imported: int


class ResetOut(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken away."""

    rules: int
    scenario_instances: int
