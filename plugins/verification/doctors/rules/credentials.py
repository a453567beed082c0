"""Licence, degree, board certificate, training and NPI: is each there, and does it hold on a given day?"""

from datetime import date, timedelta
from typing import Final

from plugins.verification.doctors.rules.dossier import (
    BoardCertification,
    CertificationStatus,
    Degree,
    Dossier,
    LicenseStatus,
    Training,
    TrainingStatus,
)
from plugins.verification.doctors.rules.finding import Finding, finding
from plugins.verification.doctors.rules.npi import is_valid_npi
from plugins.verification.doctors.rules.periods import whole_months
from plugins.verification.doctors.rules.policy import Policy

LAPSING: Final = frozenset({"active", "probation", "restricted"})
"""Statuses that allow practice until the licence expires; a renewal applied for in time outlives the date."""
LIMITED: Final = frozenset({"probation", "restricted", "pending_renewal"})
FOUNDATION: Final = frozenset({"internship", "residency"})
"""Kinds of training one of which everybody must have completed."""


def license_status(status: LicenseStatus, expires_on: date | None, as_of: date) -> LicenseStatus:
    """Return the status of a licence on the day `as_of`: one that allowed practice is `expired` after its last day."""
    lapsed = expires_on is not None and expires_on < as_of
    return "expired" if lapsed and status in LAPSING else status


def judge_license(dossier: Dossier, as_of: date, policy: Policy) -> Finding:
    """Pass an active, unrestricted licence that is in force and does not expire soon; fail one that bars practice."""
    status = license_status(dossier.license_status, dossier.license_expires_on, as_of)
    if status != "active" and status not in LIMITED:
        return finding("fail", [f"license_{status}"], [dossier])
    reasons = [f"license_{status}"] if status in LIMITED else []
    if dossier.license_restrictions:
        reasons.append("license_has_restrictions")
    if dossier.license_issued_on is not None and dossier.license_issued_on > as_of:
        reasons.append("license_not_yet_issued")
    expires_on = dossier.license_expires_on
    if expires_on is not None and expires_on - as_of <= timedelta(days=policy.license_expiring_days):
        reasons.append("license_expiring")
    return finding("review" if reasons else "pass", reasons, [dossier])


def is_revoked(degree: Degree, as_of: date) -> bool:
    """Tell whether the institution had taken the degree back by `as_of`."""
    return degree.revoked_on is not None and degree.revoked_on <= as_of


def judge_degree(dossier: Dossier, as_of: date, policy: Policy) -> Finding:
    """Pass one verified medical degree that was awarded by `as_of` and stands; fail revoked ones with none valid."""
    medical = [row for row in dossier.degrees if _is_medical(row, policy)]
    if not medical:
        return finding("not_found", ["degree_not_found"], [])
    revoked = [row for row in medical if is_revoked(row, as_of)]
    standing = [row for row in medical if not is_revoked(row, as_of)]
    valid = [row for row in standing if row.verified and _is_awarded(row, as_of)]
    if valid:
        return finding("pass", [], valid)
    if revoked:
        return finding("fail", ["degree_revoked"], revoked)
    reasons = ["degree_unverified" if _is_awarded(row, as_of) else "degree_not_yet_awarded" for row in standing]
    return finding("review", reasons, standing)


def _is_medical(degree: Degree, policy: Policy) -> bool:
    return "".join(filter(str.isalpha, degree.degree_type)).upper() in policy.medical_degrees


def _is_awarded(degree: Degree, as_of: date) -> bool:
    return degree.graduated_on is not None and degree.graduated_on <= as_of


def certification_status(certification: BoardCertification, as_of: date) -> CertificationStatus:
    """Return the status of a certificate on the day `as_of`: an active one is `expired` after its last day."""
    expires_on = certification.expires_on
    lapsed = expires_on is not None and expires_on < as_of
    return "expired" if lapsed and certification.status == "active" else certification.status


def is_current(certification: BoardCertification, as_of: date) -> bool:
    """Tell whether the certificate holds on the day `as_of`."""
    issued = certification.initial_on is None or certification.initial_on <= as_of
    return issued and certification_status(certification, as_of) in {"active", "lifetime"}


def judge_board_cert(dossier: Dossier, as_of: date, policy: Policy) -> Finding:
    """Pass one current certificate; fail when one in the doctor's own specialty is revoked."""
    certifications = dossier.board_certifications
    if not certifications and not policy.require_board_cert:
        return finding("not_applicable", [], [])
    if not certifications:
        return finding("not_found", ["board_cert_not_found"], [])
    revoked = [row for row in certifications if row.status == "revoked" and _is_own_specialty(row, dossier)]
    if revoked:
        return finding("fail", ["board_cert_revoked"], revoked)
    current = [row for row in certifications if is_current(row, as_of)]
    if current:
        return finding("pass", [], current)
    return finding("review", [_why_not_current(row, as_of) for row in certifications], certifications)


def _is_own_specialty(certification: BoardCertification, dossier: Dossier) -> bool:
    own = dossier.specialization
    return own is None or own.casefold() == certification.specialty.casefold()


def _why_not_current(certification: BoardCertification, as_of: date) -> str:
    status = certification_status(certification, as_of)
    return f"board_cert_{status}" if status in {"expired", "revoked"} else "board_cert_not_yet_issued"


def training_status(training: Training, as_of: date) -> TrainingStatus:
    """Return the status of a training on the day `as_of`: until its last day it was in progress."""
    ongoing = training.completed_on is not None and training.completed_on > as_of
    return "in_progress" if ongoing else training.status


def training_months(training: Training, as_of: date) -> int:
    """Return the whole months of training up to `as_of`, or 0 where the first day is not known."""
    if training.started_on is None:
        return 0
    return whole_months(training.started_on, min(training.completed_on or as_of, as_of))


def has_begun(training: Training, as_of: date) -> bool:
    """Tell whether the training had begun by `as_of`, as far as its first day is known."""
    return training.started_on is None or training.started_on <= as_of


def completed_months(trainings: tuple[Training, ...], as_of: date) -> int:
    """Return the sum of the months of the trainings that were completed by `as_of`."""
    return sum(training_months(row, as_of) for row in trainings if training_status(row, as_of) == "completed")


def judge_training(dossier: Dossier, as_of: date, policy: Policy) -> Finding:
    """Pass enough completed months with a residency or internship among them; fail a dismissal with none completed."""
    trainings = tuple(row for row in dossier.trainings if has_begun(row, as_of))
    if not trainings:
        return finding("not_found", ["training_not_found"], [])
    completed = [row for row in trainings if training_status(row, as_of) == "completed"]
    dismissed = [row for row in trainings if training_status(row, as_of) == "dismissed"]
    if not completed and dismissed:
        return finding("fail", ["training_dismissed"], dismissed)
    if not completed:
        return finding("review", [f"training_{training_status(row, as_of)}" for row in trainings], trainings)
    reasons = []
    if completed_months(trainings, as_of) < policy.training_months:
        reasons.append("training_too_short")
    if not any(row.kind in FOUNDATION for row in completed):
        reasons.append("training_without_residency")
    return finding("review" if reasons else "pass", reasons, completed)


def judge_npi(dossier: Dossier, as_of: date, policy: Policy) -> Finding:  # noqa: ARG001 - judges share one shape
    """Pass a well-formed, active NPI; fail a wrong or deactivated one; without an NPI there is nothing to judge."""
    if dossier.npi is None:
        return finding("not_applicable", [], [])
    if not is_valid_npi(dossier.npi):
        return finding("fail", ["npi_check_digit"], [dossier])
    if dossier.npi_status is None:
        return finding("review", ["npi_status_unknown"], [dossier])
    if dossier.npi_status == "D":
        return finding("fail", ["npi_deactivated"], [dossier])
    return finding("pass", [], [dossier])
