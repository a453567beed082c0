"""What may be registered about a doctor: every breach of a rule, with a pointer to its place."""

from collections.abc import Iterator
from datetime import date

import msgspec

from plugins.verification.doctors.rules.dossier import Dossier, MalpracticeCase, Training
from plugins.verification.doctors.rules.npi import is_valid_npi


class Breach(msgspec.Struct, frozen=True):
    """A rule that a registration breaks: `kind` is the rule's family, `code` says which one of it."""

    pointer: str
    kind: str
    code: str
    message: str


def breaches(dossier: Dossier, date_of_birth: date | None, today: date) -> tuple[Breach, ...]:
    """Return every rule that registering `dossier` on the day `today` would break."""
    return tuple(_breaches(dossier, date_of_birth, today))


def _breaches(dossier: Dossier, date_of_birth: date | None, today: date) -> Iterator[Breach]:
    if dossier.npi is not None and not is_valid_npi(dossier.npi):
        yield Breach("/npi", "npi_check_digit", "npi_check_digit", "The check digit of the NPI is wrong.")
    if date_of_birth is not None and date_of_birth >= today:
        yield Breach("/date_of_birth", "date_order", "birth_in_future", "The date of birth is not in the past.")
    yield from _ordered(
        "/license_expires_on",
        dossier.license_issued_on,
        dossier.license_expires_on,
        "expiry_before_issue",
        "The licence expires before it is issued.",
    )
    yield from _out_of_order(dossier)
    for index, training in enumerate(dossier.trainings):
        yield from _incomplete(f"/trainings/{index}", training)
    for index, case in enumerate(dossier.malpractice_cases):
        yield from _inconsistent(f"/malpractice_cases/{index}", case, dossier.malpractice_cases[0].currency)


def _ordered(pointer: str, first: date | None, last: date | None, code: str, message: str) -> Iterator[Breach]:
    if first is not None and last is not None and last < first:
        yield Breach(pointer, "date_order", code, message)


def _out_of_order(dossier: Dossier) -> Iterator[Breach]:
    for index, degree in enumerate(dossier.degrees):
        yield from _ordered(
            f"/degrees/{index}/graduated_on",
            degree.started_on,
            degree.graduated_on,
            "graduation_before_start",
            "The degree is awarded before the studies begin.",
        )
    for index, certification in enumerate(dossier.board_certifications):
        yield from _ordered(
            f"/board_certifications/{index}/expires_on",
            certification.initial_on,
            certification.expires_on,
            "expiry_before_issue",
            "The certificate expires before it is issued.",
        )
    spans = [
        *(("trainings", i, "completed_on", x.started_on, x.completed_on) for i, x in enumerate(dossier.trainings)),
        *(("employments", i, "ended_on", x.started_on, x.ended_on) for i, x in enumerate(dossier.employments)),
        *(
            ("disciplinary_actions", i, "ended_on", x.effective_on, x.ended_on)
            for i, x in enumerate(dossier.disciplinary_actions)
        ),
        *(
            ("malpractice_cases", i, "closed_on", x.filed_on, x.closed_on)
            for i, x in enumerate(dossier.malpractice_cases)
        ),
    ]
    for section, index, last_day, first, last in spans:
        pointer = f"/{section}/{index}/{last_day}"
        yield from _ordered(pointer, first, last, "end_before_start", "The last day is before the first.")


def _incomplete(pointer: str, training: Training) -> Iterator[Breach]:
    if training.status == "completed" and training.completed_on is None:
        yield Breach(
            f"{pointer}/completed_on",
            "inconsistent_record",
            "completion_date_required",
            "A completed training needs the day on which it was completed.",
        )


def _inconsistent(pointer: str, case: MalpracticeCase, currency: str) -> Iterator[Breach]:
    if case.status == "pending" and (case.closed_on is not None or case.amount_paid):
        yield Breach(
            f"{pointer}/status",
            "inconsistent_record",
            "pending_case_closed",
            "A pending case has neither a closing day nor a payment.",
        )
    if case.currency != currency:
        yield Breach(
            f"{pointer}/currency",
            "inconsistent_record",
            "mixed_currencies",
            "All malpractice cases of a doctor are in one currency.",
        )
