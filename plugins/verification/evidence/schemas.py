"""The `verification` block that every answer of this plugin carries."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

Outcome = Literal["found", "not_found", "needs_review"]


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """Who answered, how and when, and how long the answer may be relied on."""

    request_id: Annotated[UUID, msgspec.Meta(description="Names this verification; the key of its record, if any.")]
    outcome: Annotated[Outcome, msgspec.Meta(description="Whether the source holds what was asked about.")]
    source: Annotated[str, msgspec.Meta(description="Who answered.", examples=["state-medical-board"])]
    source_type: Annotated[Literal["primary", "aggregate"], msgspec.Meta(description="First hand, or put together.")]
    method: Annotated[Literal["stub"], msgspec.Meta(description="How the source was asked: this server stands in.")]
    verified_at: datetime
    valid_until: Annotated[datetime, msgspec.Meta(description="120 days later (NCQA, accredited organisations).")]
    stale: Annotated[bool, msgspec.Meta(description="Whether `valid_until` has passed.")]
    as_of: Annotated[date, msgspec.Meta(description="The day that the answer is true of.")]
    processing_ms: int
    receipt: Annotated[str | None, msgspec.Meta(description="Signed proof of the answer, where one was made.")] = None
