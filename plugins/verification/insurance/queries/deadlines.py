"""Dates that come near: credentials that expire, verifications that grow old."""

from datetime import date
from typing import Final

import msgspec
from sqlalchemy import any_, bindparam, func, literal, select, union_all, update

from plugins.verification.doctors.rules.credentials import LAPSING
from plugins.verification.doctors.tables import BoardCertification, Doctor
from plugins.verification.evidence.tables import VerificationRequest
from ports.storage import Command, Query

STALE_BATCH: Final = 1_000


class ExpiringRow(msgspec.Struct, frozen=True):
    """A credential that expires; `kind` tells several of one doctor apart."""

    doctor_id: str
    full_name: str
    kind: str
    name: str
    expires_on: date


_LICENSES: Final = select(
    Doctor.doctor_id,
    Doctor.full_name,
    literal("license").label("kind"),
    (literal("licence ") + Doctor.license_number).label("name"),
    Doctor.license_expires_on.label("expires_on"),
).where(
    Doctor.license_status.in_(sorted(LAPSING)),
    Doctor.license_expires_on.between(bindparam("earliest"), bindparam("latest")),
)
_CERTIFICATE: Final = func.coalesce(BoardCertification.certificate_number, BoardCertification.specialty)
"""What tells a board's certificates apart: the number, or for want of one the specialty."""

_CERTIFICATES: Final = (
    select(
        Doctor.doctor_id,
        Doctor.full_name,
        func.concat_ws(":", "board_cert", BoardCertification.board, _CERTIFICATE).label("kind"),
        func.concat_ws(" ", BoardCertification.board, "certificate", _CERTIFICATE).label("name"),
        BoardCertification.expires_on.label("expires_on"),
    )
    .join(Doctor, Doctor.id == BoardCertification.doctor_id)
    .where(
        BoardCertification.status == "active",
        BoardCertification.expires_on.between(bindparam("earliest"), bindparam("latest")),
    )
)
_FOUND: Final = union_all(_LICENSES, _CERTIFICATES).subquery()

EXPIRING: Final = Query(
    select(*_FOUND.c).order_by(_FOUND.c.expires_on, _FOUND.c.doctor_id, _FOUND.c.kind), into=ExpiringRow
)
MARK_STALE: Final = Command(
    update(VerificationRequest)
    .where(
        VerificationRequest.id
        == any_(
            func.array(
                select(VerificationRequest.id)
                .where(VerificationRequest.valid_until < bindparam("now"), ~VerificationRequest.stale)
                .limit(STALE_BATCH)
                .scalar_subquery()
            )
        )
    )
    .values(stale=True)
)
