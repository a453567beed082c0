"""The verdict about a doctor: asked of all primary sources at once, explained, and recorded."""

from collections.abc import Collection
from datetime import date
from typing import Final, cast

import msgspec

from core.auth import Principal
from core.clock import Clock
from core.http.problems import VALIDATION_ERROR, Fault, Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.doctors.queries import dossier_query
from plugins.verification.doctors.rules.policy import Component, Policy
from plugins.verification.doctors.rules.verdict import JUDGES, Verdict, assess
from plugins.verification.doctors.schemas.answers import ComponentOut, VerifyOut
from plugins.verification.doctors.service.inquiry import Inquiry, sole
from plugins.verification.doctors.tables import SECTIONS
from plugins.verification.evidence.receipts import Signer, Subject
from plugins.verification.evidence.schemas import Outcome
from plugins.verification.evidence.service import attest, record

OUTCOMES: Final[dict[Verdict, Outcome]] = {
    "VERIFIED": "found",
    "NEEDS_REVIEW": "needs_review",
    "NOT_VERIFIED": "found",
}
"""The sources have answered in either case; only a review is still owed an answer."""


def chosen_components(components: str | None) -> tuple[Component, ...]:
    """Return the components named in a comma-separated list, all of them where there is none.

    Raises:
        Problem: `validation_error` that names every unknown one.
    """
    if components is None:
        return tuple(JUDGES)
    names = components.split(",")
    unknown = [name for name in names if name not in JUDGES]
    if unknown:
        message = f"{', '.join(map(repr, unknown))}: the components are {', '.join(JUDGES)}."
        raise Problem(VALIDATION_ERROR, faults=[Fault("?components", "unknown_component", message)])
    return tuple(component for component in JUDGES if component in names)


async def verify(
    uow: UnitOfWork,
    clock: Clock,
    principal: Principal,
    signer: Signer | None,
    policy: Policy,
    inquiry: Inquiry,
    components: Collection[Component],
) -> VerifyOut:
    """Judge the `components` of a doctor's credentials on the day asked about, and record the verdict."""
    found = await uow.fetch_all(dossier_query(inquiry.given, tuple(SECTIONS)), **inquiry.named)
    dossier = sole(found, inquiry.named)
    assessment = assess(dossier, inquiry.as_of, policy, components)
    verification = attest(
        clock,
        inquiry.began_at,
        as_of=inquiry.as_of,
        outcome=OUTCOMES[assessment.verdict],
        source="primary-source-verification",
        source_type="aggregate",
    )
    answer = VerifyOut(
        doctor_id=dossier.doctor_id,
        full_name=dossier.full_name,
        verdict=assessment.verdict,
        verified=assessment.verdict == "VERIFIED",
        score=assessment.score,
        components={
            name: ComponentOut(
                result=finding.result,
                reasons=finding.reasons,
                evidence=finding.evidence,
                checked_at=verification.verified_at,
            )
            for name, finding in assessment.findings.items()
        },
        blocking=assessment.blocking,
        as_of=inquiry.as_of,
        next_review_due=min(verification.valid_until.date(), dossier.license_expires_on or date.max),
        rule_set_version=policy.rule_set_version,
        verification=verification,
    )
    return await record(
        uow,
        signer,
        answer,
        kind="psv/verify",
        subject=Subject("doctor", dossier.doctor_id),
        principal=principal,
        parameters=msgspec.to_builtins(
            {
                **inquiry.named,
                "components": cast("list[str]", list(components)),
                "require_board_cert": policy.require_board_cert,
                "rule_set_version": policy.rule_set_version,
            }
        ),
        verdict=assessment.verdict,
    )
