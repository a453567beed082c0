"""Claims about a record: what the caller says, held against what the board recorded.

A person's name is compared without case, accents, punctuation and extra spaces; anything beyond that is a mismatch that
is named, because a look-up that only says "not found" leaves a changed name undiagnosed.
"""

import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final, Literal

import msgspec

from plugins.verification.academic.rules.records import Record

FieldResult = Literal["match", "mismatch", "not_provided", "not_compared"]
RollNumberOutcome = Literal["match", "ambiguous", "mismatch", "revoked", "awaited"]
CertificateOutcome = Literal["valid", "revoked", "expired", "mismatch"]

_SILENT: Final = ".'\u2019"
"""Marks within a word: "O'Neil" is one word, "Anne-Marie" is two."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller says about the student and the record; None where nothing is said."""

    name: str | None = None
    date_of_birth: date | None = None
    marks_obtained: Decimal | None = None


class FieldResults(msgspec.Struct, frozen=True, kw_only=True):
    """How each claim compares with the record."""

    name: FieldResult = "not_provided"
    date_of_birth: FieldResult = "not_provided"
    marks_obtained: FieldResult = "not_provided"

    @property
    def any_mismatch(self) -> bool:
        """Tell whether a claim contradicts the record."""
        return "mismatch" in {self.name, self.date_of_birth, self.marks_obtained}


def compare(claims: Claims, *, name: str, date_of_birth: date | None, marks_obtained: Decimal) -> FieldResults:
    """Hold `claims` against the recorded facts; a claim about a fact that is not recorded is a mismatch."""
    return FieldResults(
        name=_result(claims.name and name_key(claims.name), name_key(name)),
        date_of_birth=_result(claims.date_of_birth, date_of_birth),
        marks_obtained=_result(claims.marks_obtained, marks_obtained),
    )


def not_compared(claims: Claims) -> FieldResults:
    """Return the results of claims that were held against nothing, because no one record was meant."""
    return FieldResults(
        name="not_provided" if claims.name is None else "not_compared",
        date_of_birth="not_provided" if claims.date_of_birth is None else "not_compared",
        marks_obtained="not_provided" if claims.marks_obtained is None else "not_compared",
    )


def name_key(name: str) -> str:
    """Return what of a name is compared: letters and digits of each word, in lower case and without accents."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    joined = "".join(char for char in plain.casefold() if char not in _SILENT)
    return " ".join("".join(char if char.isalnum() else " " for char in joined).split())


def mask_name(name: str) -> str:
    """Return the initials of a name, each followed by three stars whatever the length of the word."""
    return " ".join(f"{word[0]}***" for word in name.split())


def roll_number_outcome(records: Sequence[Record], results: FieldResults, as_of: date) -> RollNumberOutcome:
    """Return the verdict on a roll number found in `records` (at least one); only `match` verifies it."""
    if len(records) > 1:
        return "ambiguous"
    record = records[0]
    if record.is_revoked(as_of):
        return "revoked"
    if record.result == "awaited":
        return "awaited"
    return "mismatch" if results.any_mismatch else "match"


def certificate_outcome(record: Record, results: FieldResults, as_of: date) -> CertificateOutcome:
    """Return the verdict on a certificate; only `valid` verifies it, and a revocation outweighs everything."""
    if record.is_revoked(as_of):
        return "revoked"
    if record.is_expired(as_of):
        return "expired"
    return "mismatch" if results.any_mismatch else "valid"


def _result(claimed: object, recorded: object) -> FieldResult:
    if claimed is None:
        return "not_provided"
    return "match" if claimed == recorded else "mismatch"
