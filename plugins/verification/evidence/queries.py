"""The compiled commands on the record of decisions."""

from typing import Final

from sqlalchemy import bindparam, insert, update

from plugins.verification.evidence.tables import VerificationRequest
from ports.storage import Command

RECORD: Final = Command(
    insert(VerificationRequest).values(
        {
            name: bindparam(name)
            for name in (
                "id",
                "kind",
                "subject_type",
                "subject_key",
                "params",
                "outcome",
                "verdict",
                "response_hash",
                "as_of",
                "verified_at",
                "valid_until",
                "client",
                "duration_ms",
                "receipt",
            )
        }
    )
)

RETIRE: Final = Command(
    update(VerificationRequest)
    .where(
        VerificationRequest.subject_type == "doctor",
        VerificationRequest.subject_key == bindparam("doctor_id"),
        VerificationRequest.verified_at < bindparam("changed_at"),
        ~VerificationRequest.stale,
    )
    .values(stale=True)
)
"""Marks stale what was said about a doctor before a change."""
