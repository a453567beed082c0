"""The journal's entries, and questions about what was asked."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from plugins.verification.stub.rules.checks import Difference
from plugins.verification.stub.rules.criteria import Criteria

Times = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class JournalEntryOut(msgspec.Struct, frozen=True, kw_only=True):
    """One request that the stubs were asked, and what came of it."""

    id: UUID
    at: Annotated[datetime, msgspec.Meta(description="When it came.")]
    method: str
    path: str
    query: Annotated[dict[str, list[str]], msgspec.Meta(description="Every value of each parameter.")]
    headers: Annotated[dict[str, str], msgspec.Meta(description="By name in lower case; credentials are redacted.")]
    body: Annotated[str | None, msgspec.Meta(description="Null where there was none.")]
    body_encoding: Annotated[Literal["utf-8", "base64"], msgspec.Meta(description="How `body` stands for its bytes.")]
    truncated: Annotated[bool, msgspec.Meta(description="Whether a part was too long to be kept.")]
    status: Annotated[int, msgspec.Meta(description="Of the answer.")]
    matched_rule: Annotated[UUID | None, msgspec.Meta(description="The rule that answered; null: the real handler.")]
    session: Annotated[str | None, msgspec.Meta(description="`X-Stub-Session`.")]
    duration_ms: Annotated[float, msgspec.Meta(description="Milliseconds until it was answered, delays included.")]
    trace_id: str | None
    request_id: Annotated[str | None, msgspec.Meta(description="`X-Request-Id` of the answer.")]


class CountOut(msgspec.Struct, frozen=True):
    """How many requests of the journal match."""

    count: int


class JournalCheck(Criteria, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Criteria, and how often a request like that was to come.

    Either `exactly`, or `at_least`, `at_most` or both of them, or `never: true`; without any, at least once.
    """

    exactly: Times | None = None
    at_least: Times | None = None
    at_most: Times | None = None
    never: bool | None = None


class NearMiss(msgspec.Struct, frozen=True, kw_only=True):
    """A request that does not match but comes close."""

    request_id: Annotated[UUID, msgspec.Meta(description="The `id` of its entry.")]
    method: str
    path: str
    distance: Annotated[int, msgspec.Meta(description="The sum over `diffs`; 0 would be a match.")]
    diffs: list[Difference]


class JournalCheckOut(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it came as often as it was to."""

    passed: bool
    count: int
    near_misses: Annotated[
        list[NearMiss], msgspec.Meta(description="The nearest others, best first, where too few came.")
    ]
