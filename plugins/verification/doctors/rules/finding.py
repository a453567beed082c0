"""What a rule says about one component of a doctor's credentials."""

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol
from uuid import UUID

import msgspec

Result = Literal["pass", "fail", "review", "not_found", "not_applicable"]


class Finding(msgspec.Struct, frozen=True):
    """A component's result, why it is so, and the rows that it rests on."""

    result: Result
    reasons: tuple[str, ...] = ()
    evidence: tuple[UUID, ...] = ()


class Row(Protocol):
    """A fact that has an id."""

    @property
    def id(self) -> UUID:
        """Return the id of the row."""
        ...


def finding(result: Result, reasons: Iterable[str], rows: Sequence[Row]) -> Finding:
    """Return a finding whose reasons and evidence are free of repetition and of the rows' order."""
    return Finding(result, tuple(sorted(set(reasons))), tuple(sorted(row.id for row in rows)))
