"""Demonstration claims: a hundred and fifty, the same each time, on every branch of review and payout."""

from datetime import date
from decimal import Decimal
from typing import Final

from core.auth import Principal
from core.clock import Clock
from core.unit_of_work import UnitOfWork
from plugins.verification.insurance.queries import review as review_queries
from plugins.verification.insurance.rules.review import Action, Authority, Role
from plugins.verification.insurance.schemas.enrichment import EnrichmentRegistration, MappedTermIn
from plugins.verification.insurance.schemas.payout import PayoutIn, PayoutRegistration
from plugins.verification.insurance.schemas.review import ActorIn, ReviewActionIn, ReviewRegistration
from plugins.verification.insurance.service import enrichment, payout, review

CLAIMS: Final = 150
DEMO: Final = Principal(id="demo", kind="service", scopes=frozenset({"verification:admin"}))

Steps = tuple[tuple[Action, Role], ...]

_BEGUN: Final[Steps] = (("assign", "supervisor"), ("start", "reviewer"))
_PATHS: Final[tuple[Steps, ...]] = (
    (),
    (("assign", "supervisor"),),
    _BEGUN,
    (*_BEGUN, ("request_info", "reviewer")),
    (*_BEGUN, ("approve", "supervisor")),
    (*_BEGUN, ("approve_partial", "supervisor")),
    (*_BEGUN, ("reject", "supervisor")),
    (*_BEGUN, ("reject", "supervisor"), ("appeal", "submitter")),
    (("withdraw", "submitter"),),
    (*_BEGUN, ("reject", "supervisor"), ("close", "supervisor")),
)
_APPROVED: Final = frozenset({"approve", "approve_partial"})
_PEOPLE: Final[dict[Role, str]] = {
    "submitter": "demo-hospital",
    "reviewer": "demo-reviewer",
    "supervisor": "demo-supervisor",
}
_DIAGNOSES: Final = (
    ("Type 2 diabetes mellitus without complications", "E11.9"),
    ("Essential (primary) hypertension; chronic back pain", "I10"),
    ("Cholera, unspecified", "A00.9"),
    ("Acute appendicitis and fever", "K35.80"),
)


async def seed(uow: UnitOfWork, clock: Clock) -> str:
    """Register the claims, unless they are there, and return a line that says so."""
    if await uow.fetch_one(review_queries.BY_REFERENCE, reference=_reference(0)) is not None:
        return "insurance: the demonstration claims are there already"
    for number in range(CLAIMS):
        await _register(uow, clock, number)
        path = _PATHS[number % len(_PATHS)]
        for action, role in path:
            await review.act(uow, clock, DEMO, None, Authority(), _step(number, action, role))
        if path and path[-1][0] in _APPROVED:
            await payout.process(uow, clock, DEMO, None, PayoutIn(claim_reference=_reference(number)))
    return f"insurance: {CLAIMS} claims with diagnosis, review and payout"


async def _register(uow: UnitOfWork, clock: Clock, number: int) -> None:
    reference, amount = _reference(number), _amount(number)
    diagnosis, code = _DIAGNOSES[number % len(_DIAGNOSES)]
    claim = EnrichmentRegistration(
        claim_reference=reference,
        diagnosis=diagnosis,
        hospital_name="St. Mary's Hosp.",
        icd_mapping=[MappedTermIn(diagnosis.partition(";")[0], code)],
    )
    await enrichment.register(uow, clock, claim, strict=False)
    request = ReviewRegistration(claim_reference=reference, claim_amount=amount, submitted_by=_PEOPLE["submitter"])  # type: ignore[arg-type] # a plain decimal
    await review.register(uow, clock, DEMO, request)
    figures = PayoutRegistration(
        claim_reference=reference,
        approved_amount=_approved(number),  # type: ignore[arg-type]
        deductible=Decimal(200),  # type: ignore[arg-type]
        policy_limit=Decimal(20_000),  # type: ignore[arg-type]
        policy_number=f"DEMO-{number % 10}",
        period_start=date(2026, 1, 1),
    )
    await payout.register(uow, clock, figures)


def _step(number: int, action: Action, role: Role) -> ReviewActionIn:
    partly = action == "approve_partial"
    return ReviewActionIn(
        claim_reference=_reference(number),
        action=action,
        actor=ActorIn(_PEOPLE[role], role),
        assignee=_PEOPLE["reviewer"] if action == "assign" else None,
        approved_amount=_approved(number) if partly else None,  # type: ignore[arg-type]
        reason_code="frequency_failure" if partly else "no_coverage" if action == "reject" else None,
        comment="part of the demonstration",
    )


def _reference(number: int) -> str:
    return f"DEMO-CLAIM-{number:03}"


def _amount(number: int) -> Decimal:
    return Decimal(100 + 250 * (number % 40))


def _approved(number: int) -> Decimal:
    partly = ("approve_partial", "supervisor") in _PATHS[number % len(_PATHS)]
    return _amount(number) / 2 if partly else _amount(number)
