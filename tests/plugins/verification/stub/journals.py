"""Entries for tests of the journal."""

from datetime import UTC, datetime

from core.clock import new_id
from plugins.verification.stub.rules.entry import JournalEntry

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def entry(**parts) -> JournalEntry:
    """An entry that was answered by the real handler, with these parts otherwise."""
    plain = {
        "id": new_id(),
        "created_at": AT,
        "method": "GET",
        "path": "/api/v1/doctors/psv/verify",
        "query": {},
        "headers": {},
        "body": b"",
        "truncated": False,
        "status": 200,
        "matched_rule": None,
        "session": None,
        "duration_ms": 1.5,
        "trace_id": None,
        "request_id": None,
    }
    return JournalEntry(**plain | parts)
