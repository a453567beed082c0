"""Registering a claim's diagnosis, and turning a diagnosis into codes."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from core.clock import Clock, new_id
from core.http.problems import VALIDATION_ERROR, Fault, Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.insurance import problems
from plugins.verification.insurance.queries import enrichment as queries
from plugins.verification.insurance.queries.enrichment import EnrichmentRow
from plugins.verification.insurance.rules import enrichment as rules
from plugins.verification.insurance.rules import icd
from plugins.verification.insurance.rules.enrichment import Catalogue, IcdEntry, RegisteredMapping
from plugins.verification.insurance.rules.refusals import Refused
from plugins.verification.insurance.schemas.enrichment import (
    EnrichmentIn,
    EnrichmentOut,
    EnrichmentRegistration,
    Hospital,
    MappedTerm,
    RegisteredEnrichment,
)
from plugins.verification.insurance.service.references import exactly_one, insert_once, not_found


async def register(
    uow: UnitOfWork, clock: Clock, data: EnrichmentRegistration, *, strict: bool
) -> RegisteredEnrichment:
    """Register a diagnosis with its mapping in the normal form.

    Raises:
        Problem: `duplicate_claim_reference`, `invalid_icd_code`, `empty_diagnosis`; when `strict`, also
            `unknown_icd_code`.
    """
    try:
        rules.segments(data.diagnosis)
    except Refused as refused:
        raise problems.problem_of(refused) from refused
    mapping = _mapping(data, strict=strict)
    if strict:
        await _refuse_unknown(uow, mapping)
    registered = RegisteredEnrichment(
        id=new_id(),
        claim_reference=data.claim_reference,
        diagnosis=data.diagnosis,
        hospital_name=data.hospital_name,
        icd_mapping=mapping,
        notes=data.notes,
        status="registered",
        created_at=clock.now(),
    )
    values: dict[str, Any] = msgspec.structs.asdict(registered)
    del values["status"]
    await insert_once(uow, queries.REGISTER, values | {"icd_mapping": msgspec.to_builtins(mapping)})
    return registered


async def enrich(uow: UnitOfWork, clock: Clock, data: EnrichmentIn) -> EnrichmentOut:
    """Answer the codes of a registered diagnosis, which keeps them, or of one given in the request.

    Raises:
        Problem: `ambiguous_reference`, `insurance_request_not_found`, `empty_diagnosis`.
    """
    row = await _registered(uow, data)
    diagnosis, hospital = (data.diagnosis, data.hospital_name) if row is None else (row.diagnosis, row.hospital_name)
    mapping = [] if row is None else [RegisteredMapping(m.term, m.code, m.confidence) for m in row.icd_mapping]
    try:
        found = await _resolve(uow, diagnosis or "", mapping, data.min_confidence, data.max_codes)
    except Refused as refused:
        raise problems.problem_of(refused) from refused
    answer = EnrichmentOut(
        enrichment_id=None if row is None else row.id,
        diagnosis=diagnosis or "",
        hospital=Hospital(hospital or "", rules.normalise_hospital(hospital or "")),
        icd_codes=found.codes,
        unmatched_terms=found.unmatched_terms,
        outcome=found.outcome,
        model=rules.MODEL,
    )
    if row is not None:
        await uow.execute(queries.SAVE_RESULT, request_id=row.id, found=msgspec.to_builtins(answer), at=clock.now())
    return answer


async def _registered(uow: UnitOfWork, data: EnrichmentIn) -> EnrichmentRow | None:
    way = exactly_one(
        enrichment_request_id=data.enrichment_request_id,
        claim_reference=data.claim_reference,
        diagnosis=data.diagnosis,
    )
    if way == "diagnosis":
        if data.hospital_name is None:
            fault = Fault("/hospital_name", "missing_field", "A diagnosis comes with its hospital.")
            raise Problem(VALIDATION_ERROR, faults=[fault])
        return None
    if way == "claim_reference":
        row = await uow.fetch_one(queries.BY_REFERENCE, reference=data.claim_reference)
    else:
        row = await uow.fetch_one(queries.BY_ID, request_id=data.enrichment_request_id)
    if row is None:
        raise not_found(f"/{way}")
    return row


async def _resolve(
    uow: UnitOfWork, diagnosis: str, mapping: Sequence[RegisteredMapping], floor: float, most: int
) -> rules.Enrichment:
    catalogue = await _catalogue(uow, diagnosis, mapping)
    resolution = rules.resolve(diagnosis, mapping, catalogue, floor)
    compared = list(dict.fromkeys(resolution.unmatched))[: rules.MOST_COMPARED]
    candidates = {clause: await _candidates(uow, clause) for clause in compared}
    return rules.complete(resolution, candidates, floor, most)


async def _catalogue(uow: UnitOfWork, diagnosis: str, mapping: Sequence[RegisteredMapping]) -> Catalogue:
    """Fetch what the code list knows of the codes and texts of one diagnosis."""
    texts = list(rules.terms(diagnosis))
    codes = [*rules.literal_codes(diagnosis), *(each.code for each in mapping)]
    described: dict[str, list[IcdEntry]] = {}
    for row in await uow.fetch_all(queries.DESCRIBED, texts=texts):
        described.setdefault(row.search, []).append(IcdEntry(row.code, row.description, row.billable))
    synonymous: dict[str, list[IcdEntry]] = {}
    for other in await uow.fetch_all(queries.SYNONYMOUS, texts=texts):
        entry = IcdEntry(other.code, other.description, other.billable)
        for synonym in set(other.synonyms) & set(texts):
            synonymous.setdefault(synonym, []).append(entry)
    return Catalogue(await _by_code(uow, codes), described, synonymous)


async def _by_code(uow: UnitOfWork, codes: Sequence[str]) -> dict[str, IcdEntry]:
    if not codes:
        return {}
    return {entry.code: entry for entry in await uow.fetch_all(queries.CODES, texts=list(codes))}


async def _candidates(uow: UnitOfWork, clause: str) -> list[IcdEntry]:
    for words in rules.word_queries(clause):
        if found := await uow.fetch_all(queries.RESEMBLING, words=words):
            return found
    return []


def _mapping(data: EnrichmentRegistration, *, strict: bool) -> tuple[MappedTerm, ...]:
    """Return the mapping in the normal form; every code that is none is reported."""
    given = data.icd_mapping or []
    if isinstance(given, dict):
        written = [(f"/icd_mapping/{_escaped(term)}", term, code, 1.0) for term, code in given.items()]
    else:
        written = [
            (f"/icd_mapping/{index}/code", each.term, each.code, each.confidence) for index, each in enumerate(given)
        ]
    mapped: list[MappedTerm] = []
    faults: list[Fault] = []
    for pointer, term, text, confidence in written:
        try:
            parsed = icd.parse(text, strict=strict, pointer=pointer)
        except Refused as refused:
            faults.append(Fault(pointer, refused.code, refused.detail))
        else:
            mapped.append(MappedTerm(term, parsed.code, confidence, parsed.warnings))
    if faults:
        raise Problem(problems.INVALID_ICD_CODE, faults=faults)
    return tuple(mapped)


async def _refuse_unknown(uow: UnitOfWork, mapping: Sequence[MappedTerm]) -> None:
    known = await _by_code(uow, [each.code for each in mapping])
    faults = [
        Fault("/icd_mapping", problems.UNKNOWN_ICD_CODE.code, f"The code list does not hold {each.code}.")
        for each in mapping
        if each.code not in known
    ]
    if faults:
        raise Problem(problems.UNKNOWN_ICD_CODE, faults=faults)


_ESCAPES: Final = str.maketrans({"~": "~0", "/": "~1"})


def _escaped(key: str) -> str:
    """Return `key` as a segment of a JSON Pointer (RFC 6901)."""
    return key.translate(_ESCAPES)
