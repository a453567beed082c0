"""The primary sources: what each of them says about a doctor on a given day."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Final, TypeVar

import msgspec

from core.auth import Principal
from core.clock import Clock
from core.unit_of_work import UnitOfWorkFactory
from plugins.verification.doctors.queries import dossier_query, license_query
from plugins.verification.doctors.rules import credentials, history
from plugins.verification.doctors.rules.dossier import CaseStatus, Dossier, TrainingKind
from plugins.verification.doctors.rules.policy import Policy
from plugins.verification.doctors.schemas import answers
from plugins.verification.doctors.service.inquiry import Inquiry, sole
from plugins.verification.evidence.receipts import Signer, Subject
from plugins.verification.evidence.schemas import Outcome, Verification
from plugins.verification.evidence.service import attest, record
from ports.storage import Storage

A = TypeVar("A", bound=msgspec.Struct)

MEDICAL_BOARD: Final = "state-medical-board"
UNIVERSITY: Final = "degree-registrar"
SPECIALTY_BOARD: Final = "specialty-board"
TRAINING_PROGRAM: Final = "training-program"
EMPLOYER: Final = "employer"
DATA_BANK: Final = "malpractice-data-bank"


class PrimarySources:
    """Answers questions about one doctor. A question that wants a receipt is recorded like a decision."""

    def __init__(
        self,
        inquiry: Inquiry,
        storage: Storage,
        clock: Clock,
        policy: Policy,
        keeper: "Keeper | None" = None,
    ) -> None:
        self._inquiry = inquiry
        self._storage = storage
        self._clock = clock
        self._policy = policy
        self._keeper = keeper

    async def license(self) -> answers.LicenseOut:
        """Return the licence with its status on the day asked about."""
        inquiry, as_of = self._inquiry, self._inquiry.as_of
        found = await self._storage.fetch_all(license_query(inquiry.given), **inquiry.named, as_of=as_of)
        row = sole(found, inquiry.named)
        status = credentials.license_status(row.license_status, row.license_expires_on, as_of)
        answer = answers.LicenseOut(
            doctor_id=row.doctor_id,
            full_name=row.full_name,
            license_number=row.license_number,
            license_state=row.license_state,
            license_type=row.license_type,
            status=status,
            raw_status=row.license_status,
            issued_on=row.license_issued_on,
            expires_on=row.license_expires_on,
            days_to_expiry=None if row.license_expires_on is None else (row.license_expires_on - as_of).days,
            is_active=status == "active",
            restrictions=tuple(row.license_restrictions),
            issuing_board=row.issuing_board,
            has_board_action=row.has_board_action,
            verification=self._attest(MEDICAL_BOARD),
        )
        return await self._kept("license", answer)

    async def degrees(self, degree_type: str | None, institution: str | None) -> answers.DegreesOut:
        """Return the degrees of a type, from institutions whose name contains `institution`."""
        dossier = await self._dossier("degrees")
        rows = tuple(
            row
            for row in dossier.degrees
            if _equals(degree_type, row.degree_type) and _contains(institution, row.institution)
        )
        answer = answers.DegreesOut(
            doctor_id=dossier.doctor_id,
            count=len(rows),
            degrees=rows,
            verification=self._attest(UNIVERSITY, _any(rows)),
        )
        return await self._kept("degree", answer, degree_type=degree_type, institution=institution)

    async def certifications(
        self, board: str | None, specialty: str | None, *, current_only: bool
    ) -> answers.CertificationsOut:
        """Return the board certificates with their status on the day asked about."""
        dossier, as_of = await self._dossier("board_certifications"), self._inquiry.as_of
        rows = tuple(
            _extended(
                answers.CertificationOut,
                row,
                status=credentials.certification_status(row, as_of),
                is_current=credentials.is_current(row, as_of),
            )
            for row in dossier.board_certifications
            if _equals(board, row.board) and _equals(specialty, row.specialty)
        )
        if current_only:
            rows = tuple(row for row in rows if row.is_current)
        answer = answers.CertificationsOut(
            doctor_id=dossier.doctor_id,
            count=len(rows),
            certifications=rows,
            verification=self._attest(SPECIALTY_BOARD, _any(rows)),
        )
        return await self._kept("board_cert", answer, board=board, specialty=specialty, current_only=current_only)

    async def trainings(self, kind: TrainingKind | None) -> answers.TrainingsOut:
        """Return the trainings that had begun by the day asked about."""
        dossier, as_of = await self._dossier("trainings"), self._inquiry.as_of
        begun = tuple(
            row for row in dossier.trainings if credentials.has_begun(row, as_of) and (kind is None or row.kind == kind)
        )
        answer = answers.TrainingsOut(
            doctor_id=dossier.doctor_id,
            count=len(begun),
            trainings=tuple(
                _extended(
                    answers.TrainingOut,
                    row,
                    status=credentials.training_status(row, as_of),
                    months=credentials.training_months(row, as_of),
                )
                for row in begun
            ),
            total_completed_months=credentials.completed_months(begun, as_of),
            verification=self._attest(TRAINING_PROGRAM, _any(begun)),
        )
        return await self._kept("training", answer, kind=kind)

    async def employments(self, lookback_years: int, gap_days: int) -> answers.EmploymentsOut:
        """Return the posts within the years before the day asked about, and the gaps between them."""
        dossier, as_of = await self._dossier("employments"), self._inquiry.as_of
        worked = history.work_history(
            dossier.employments,
            as_of,
            lookback_years=lookback_years,
            gap_days=gap_days,
            written_gap_days=self._policy.employment_written_gap_days,
        )
        answer = answers.EmploymentsOut(
            doctor_id=dossier.doctor_id,
            count=len(worked.employments),
            employments=tuple(
                _extended(answers.EmploymentOut, row, is_current=history.is_employed(row, as_of))
                for row in worked.employments
            ),
            window=worked.window,
            gaps=worked.gaps,
            covered_days=worked.covered_days,
            coverage_ratio=worked.coverage_ratio,
            verification=self._attest(EMPLOYER, _any(worked.employments)),
        )
        return await self._kept("employment", answer, lookback_years=lookback_years, gap_days=gap_days)

    async def disciplines(self, *, include_closed: bool, since: date | None) -> answers.DisciplinesOut:
        """Return the disciplinary actions that had taken effect; none of them is a positive answer."""
        dossier, as_of = await self._dossier("disciplinary_actions"), self._inquiry.as_of
        rows = tuple(
            _extended(answers.DisciplinaryActionOut, row, is_open=history.is_open(row, as_of))
            for row in dossier.disciplinary_actions
            if (since or date.min) <= row.effective_on <= as_of and (include_closed or history.is_open(row, as_of))
        )
        answer = answers.DisciplinesOut(
            doctor_id=dossier.doctor_id,
            has_actions=bool(rows),
            has_open_actions=any(row.is_open for row in rows),
            highest_severity=history.highest_severity(rows),
            actions=rows,
            verification=self._attest(MEDICAL_BOARD),
        )
        return await self._kept("disciplines", answer, include_closed=include_closed, since=since)

    async def malpractice(self, lookback_years: int, status: CaseStatus | None) -> answers.MalpracticeOut:
        """Return the malpractice cases that count on the day asked about; none of them is a positive answer."""
        dossier, as_of = await self._dossier("malpractice_cases"), self._inquiry.as_of
        cases = history.malpractice_history(dossier.malpractice_cases, as_of, lookback_years)
        listed = (msgspec.structs.replace(row, status=history.case_status(row, as_of)) for row in cases.cases)
        answer = answers.MalpracticeOut(
            doctor_id=dossier.doctor_id,
            total_cases=len(cases.cases),
            pending_cases=len(cases.pending),
            paid_cases=len(cases.paid),
            total_paid=cases.total_paid,
            currency=next((row.currency for row in dossier.malpractice_cases), "USD"),
            window=cases.window,
            cases=tuple(row for row in listed if status is None or row.status == status),
            verification=self._attest(DATA_BANK),
        )
        return await self._kept("malpractice", answer, lookback_years=lookback_years, status=status)

    async def _dossier(self, section: str) -> Dossier:
        inquiry = self._inquiry
        found = await self._storage.fetch_all(dossier_query(inquiry.given, (section,)), **inquiry.named)
        return sole(found, inquiry.named)

    def _attest(self, source: str, outcome: Outcome = "found") -> Verification:
        inquiry = self._inquiry
        return attest(self._clock, inquiry.began_at, as_of=inquiry.as_of, outcome=outcome, source=source)

    async def _kept(self, kind: str, answer: A, /, **filters: object) -> A:
        if self._keeper is None:
            return answer
        sealed: A = await self._keeper.keep(self._inquiry, kind, answer, filters)
        return sealed


class Keeper:
    """Records the answers for which a receipt was asked, and has them signed where there is a signer."""

    def __init__(self, units: UnitOfWorkFactory, principal: Principal, signer: Signer | None) -> None:
        self._units = units
        self._principal = principal
        self._signer = signer

    async def keep(self, inquiry: Inquiry, kind: str, answer: Any, filters: dict[str, object]) -> Any:
        """Write the record of one answer in a unit of work of its own; return the answer with its receipt."""
        async with self._units() as uow:
            return await record(
                uow,
                self._signer,
                answer,
                kind=f"psv/{kind}",
                subject=Subject("doctor", answer.doctor_id),
                principal=self._principal,
                parameters=msgspec.to_builtins({**inquiry.named, **filters}),
            )


def _extended(into: type[A], row: msgspec.Struct, **more: object) -> A:
    return into(**{**msgspec.structs.asdict(row), **more})


def _any(rows: Iterable[object]) -> Outcome:
    return "found" if any(True for _ in rows) else "not_found"


def _equals(wanted: str | None, value: str) -> bool:
    return wanted is None or wanted.casefold() == value.casefold()


def _contains(wanted: str | None, value: str) -> bool:
    return wanted is None or wanted.casefold() in value.casefold()
