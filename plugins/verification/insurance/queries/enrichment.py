"""Diagnoses and the list of ICD codes."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Select, Text, any_, bindparam, func, insert, select, text, update

from plugins.verification.insurance.rules.enrichment import IcdEntry
from plugins.verification.insurance.schemas.enrichment import MappedTerm
from plugins.verification.insurance.tables import IcdCode, IcdRelease
from plugins.verification.insurance.tables import MedicalEnrichmentRequest as Request
from ports.storage import Command, Query

CANDIDATES: Final = 300
"""How many descriptions are compared by similarity for one clause."""


_PER_WORD: Final = 2
"""`ts_rank` divided by the length: of equally many words in common, the shorter description resembles more."""


class EnrichmentRow(msgspec.Struct, frozen=True):
    """A registered diagnosis."""

    id: UUID
    claim_reference: str
    diagnosis: str
    hospital_name: str
    icd_mapping: tuple[MappedTerm, ...]
    notes: str | None
    status: str
    created_at: datetime


class DescribedCode(msgspec.Struct, frozen=True):
    """A code with the search form of its description."""

    code: str
    description: str
    billable: bool
    search: str


class SynonymousCode(msgspec.Struct, frozen=True):
    """A code with its synonyms in the search form."""

    code: str
    description: str
    billable: bool
    synonyms: list[str]


_NEW: Final = ("id", "claim_reference", "diagnosis", "hospital_name", "icd_mapping", "notes", "created_at")
_ROW: Final = select(
    Request.id,
    Request.claim_reference,
    Request.diagnosis,
    Request.hospital_name,
    Request.icd_mapping,
    Request.notes,
    Request.status,
    Request.created_at,
)
_TEXTS: Final = bindparam("texts", type_=ARRAY(Text))
_WORDS: Final = func.to_tsquery(text("'simple'::regconfig"), bindparam("words", type_=Text))


def _codes(*more: Any) -> Select[Any]:
    return select(IcdCode.code, IcdCode.description, IcdCode.billable, *more)


REGISTER: Final = Command(insert(Request).values({name: bindparam(name) for name in _NEW}))
BY_ID: Final = Query(_ROW.where(Request.id == bindparam("request_id")).with_for_update(), into=EnrichmentRow)
BY_REFERENCE: Final = Query(
    _ROW.where(Request.claim_reference == bindparam("reference")).with_for_update(), into=EnrichmentRow
)
SAVE_RESULT: Final = Command(
    update(Request)
    .where(Request.id == bindparam("request_id"))
    .values(status="enriched", result=bindparam("found"), processed_at=bindparam("at"))
)

CODES: Final = Query(_codes().where(IcdCode.code == any_(_TEXTS)), into=IcdEntry)
DESCRIBED: Final = Query(
    _codes(IcdCode.search).where(IcdCode.search == any_(_TEXTS)).order_by(IcdCode.code), into=DescribedCode
)
SYNONYMOUS: Final = Query(
    _codes(IcdCode.synonyms).where(IcdCode.synonyms.has_any(_TEXTS)).order_by(IcdCode.code), into=SynonymousCode
)
RESEMBLING: Final = Query(
    _codes()
    .where(IcdCode.document.op("@@")(_WORDS))
    .order_by(func.ts_rank(IcdCode.document, _WORDS, _PER_WORD).desc(), IcdCode.code)
    .limit(CANDIDATES),
    into=IcdEntry,
)

LATEST_CHECKSUM: Final = Query(select(IcdRelease.checksum).order_by(IcdRelease.id.desc()).limit(1), into=str)
RECORD_RELEASE: Final = Command(
    insert(IcdRelease).values({name: bindparam(name) for name in ("id", "source", "checksum", "codes")})
)
