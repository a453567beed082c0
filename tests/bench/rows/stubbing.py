"""What the rows about stubbed answers share: a server with its control plane on, and how rules get there."""

from typing import Any, Final

from tests.bench.deployment import CREDENTIAL
from tests.bench.load import Load
from tests.bench.servers import Server

CONTROLLED: Final = {"HEXASTAR__PROFILE": "test"}
"""Production has no control plane."""

LICENCE: Final = "/api/v1/doctors/psv/license/status"
DEGREES: Final = "/api/v1/doctors/psv/degree/info"
RULES: Final = "/api/v1/_stub/rules"
RESET: Final = "/api/v1/_stub/reset"

STUBBED: Final = Load(LICENCE + "?license_number=LIC-{n}", headers=CREDENTIAL, numbers=1_000)
ANSWER: Final = {
    "doctor_id": "DOC-000001",
    "status": "active",
    "is_active": True,
    "license_state": "NY",
    "issuing_board": "Medical Board of NY",
    "restrictions": [],
}


def rule(match: dict[str, Any], **response: Any) -> dict[str, Any]:
    """Return a rule that gives the answer to what matches."""
    return {"name": "bench", "match": match, "response": {"status": 200, "json": ANSWER, **response}}


def add(server: Server, definition: dict[str, Any]) -> None:
    """Have a server keep a rule."""
    server.post(RULES, CREDENTIAL, definition)


def reset(server: Server) -> None:
    """Have a server forget its rules."""
    server.post(RESET, CREDENTIAL, None)
