"""The request that most rows are about: the status of one doctor's licence."""

from typing import Any, Final

import msgspec

from tests.bench.contest import Contestant
from tests.bench.database import DOCTORS
from tests.bench.deployment import CREDENTIAL
from tests.bench.load import Load
from tests.bench.processes import BenchError

LOOKUP: Final = Load("/api/v1/doctors/psv/license/status?license_number=LIC-{n}", headers=CREDENTIAL, numbers=DOCTORS)
"""One licence of a hundred thousand, at random. Peers get the credential as well, and ignore it."""

VARYING: Final = ("request_id", "verified_at", "valid_until", "processing_ms")


def require_same_answers(contestants: list[Contestant]) -> None:
    """Check that everybody answers the same document, so that nobody is faster by doing less.

    Raises:
        BenchError: two answers differ.
    """
    first, *others = contestants
    expected = _answer(first)
    for other in others:
        if (answer := _answer(other)) != expected:
            raise BenchError(f"{first.name} and {other.name} answer differently:\n{expected}\n{answer}")


def _answer(contestant: Contestant) -> dict[str, Any]:
    load = contestant.load
    answer: dict[str, Any] = msgspec.json.decode(contestant.server.get(load.first_path(), load.headers))
    for name in VARYING:
        del answer["verification"][name]
    return answer
