"""Registering a claim's diagnosis, and turning it into codes."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from plugins.verification.insurance.rules.enrichment import Match, Outcome
from plugins.verification.insurance.schemas.values import ClaimReference, Line200

Confidence = Annotated[float, msgspec.Meta(ge=0, le=1)]
Diagnosis = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
Notes = Annotated[str, msgspec.Meta(max_length=4000)]
WrittenCode = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]


class MappedTermIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A term of the diagnosis and the code that somebody gave it."""

    term: Line200
    code: WrittenCode
    confidence: Confidence = 1.0


class MappedTerm(msgspec.Struct, frozen=True):
    """A term with its code in the normal form; `warnings` say what is doubtful about the code."""

    term: str
    code: str
    confidence: float
    warnings: tuple[str, ...] = ()


class EnrichmentRegistration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A claim's diagnosis; the mapping is a list, or for short an object from terms to codes."""

    claim_reference: ClaimReference
    diagnosis: Diagnosis
    hospital_name: Line200
    icd_mapping: (
        Annotated[list[MappedTermIn], msgspec.Meta(max_length=100)]
        | Annotated[dict[Line200, WrittenCode], msgspec.Meta(max_length=100)]
        | None
    ) = None
    notes: Notes | None = None


class RegisteredEnrichment(msgspec.Struct, frozen=True, kw_only=True):
    """A registered diagnosis."""

    id: UUID
    claim_reference: str
    diagnosis: str
    hospital_name: str
    icd_mapping: tuple[MappedTerm, ...]
    notes: str | None
    status: Literal["registered", "enriched"]
    created_at: datetime


class EnrichmentIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to enrich: a registered diagnosis by id or claim reference, or a diagnosis itself."""

    enrichment_request_id: UUID | None = None
    claim_reference: ClaimReference | None = None
    diagnosis: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    hospital_name: Line200 | None = None
    max_codes: Annotated[int, msgspec.Meta(ge=1, le=20)] = 5
    min_confidence: Confidence = 0.5


class Hospital(msgspec.Struct, frozen=True):
    """A hospital's name as given, and as it is compared."""

    name: str
    normalized: str


class EnrichmentOut(msgspec.Struct, frozen=True, kw_only=True):
    """The codes of a diagnosis, best first. The same question has the same answer, byte for byte."""

    enrichment_id: UUID | None
    diagnosis: str
    hospital: Hospital
    icd_codes: tuple[Match, ...]
    unmatched_terms: tuple[str, ...]
    outcome: Outcome
    model: str
