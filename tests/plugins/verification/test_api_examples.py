"""`docs/API_EXAMPLES.rest` works: every request, from top to bottom, from an empty database."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from core.testing.application import BASE_URL

REQUEST_LINE = re.compile(r"^(GET|POST|PUT|PATCH|DELETE) (\S+)$", re.MULTILINE)
STATUS = re.compile(r"^# (\d{3})$", re.MULTILINE)
NAME = re.compile(r"^# @name (\w+)$", re.MULTILINE)
VARIABLE = re.compile(r"^@(\w+) = (.*)$", re.MULTILINE)
PLACE = re.compile(r"\{\{(.+?)\}\}")

SEED = {
    "GET /api/v1/health",
    "POST /api/v1/doctors/admin/add",
    "GET /api/v1/doctors/psv/license/status",
    "GET /api/v1/doctors/psv/degree/info",
    "GET /api/v1/doctors/psv/board-cert/info",
    "GET /api/v1/doctors/psv/training/info",
    "GET /api/v1/doctors/psv/employment/info",
    "GET /api/v1/doctors/psv/disciplines/check",
    "GET /api/v1/doctors/psv/malpractice/history",
    "GET /api/v1/doctors/psv/verify",
    "POST /api/v1/academic/admin/students",
    "POST /api/v1/academic/admin/eligibility-rules",
    "POST /api/v1/academic/admin/merit-rules",
    "GET /api/v1/academic/verify/roll-number",
    "GET /api/v1/academic/verify/certificate",
    "GET /api/v1/academic/check-eligibility",
    "GET /api/v1/academic/calculate-merit",
    "POST /api/v1/insurance/admin/medical-enrichment",
    "POST /api/v1/insurance/admin/reviewer-request",
    "POST /api/v1/insurance/admin/payout-request",
    "POST /api/v1/insurance/admin/notification",
    "POST /api/v1/insurance/medical/enrich",
    "POST /api/v1/insurance/claims/review",
    "POST /api/v1/insurance/payout/process",
    "POST /api/v1/insurance/notification/send",
}


class Example(msgspec.Struct):
    """One request of the file, its variables still in place."""

    title: str
    name: str
    status: int
    method: str
    url: str
    headers: dict[str, str]
    body: str


def examples(text: str) -> Iterator[Example]:
    for block in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        title = block.partition("\n")[0]
        line = REQUEST_LINE.search(block)
        status = STATUS.search(block)
        assert line, f"{title}: no request"
        assert status, f"{title}: no status"
        head, _, body = block[line.end() + 1 :].partition("\n\n")
        headers = dict(header.split(": ", 1) for header in head.splitlines() if header)
        body = re.sub(r"^#{4,}.*$", "", body, flags=re.MULTILINE).strip()
        named = NAME.search(block)
        yield Example(title, named[1] if named else "", int(status[1]), line[1], line[2], headers, body)


class Reader:
    """Fills in what stands between double braces: variables, and fields of earlier answers."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables
        self.answers: dict[str, Any] = {}

    def read(self, text: str) -> str:
        return PLACE.sub(self._value, text)

    def _value(self, place: re.Match[str]) -> str:
        name, _, field = place[1].partition(".response.body.$.")
        return str(self.answers[name][field]) if field else self.variables[name]


@pytest.fixture(scope="module")
def text(pytestconfig: pytest.Config) -> str:
    """The file."""
    return (pytestconfig.rootpath / "docs" / "API_EXAMPLES.rest").read_text(encoding="utf-8")


@pytest.fixture
async def told(text: str, client: httpx.AsyncClient, admin_client: httpx.AsyncClient) -> dict[str, Any]:
    """What each request was answered, by title; each with the status that stands above it."""
    variables = dict(VARIABLE.findall(text))
    reader = Reader({**variables, "host": BASE_URL, "adminKey": admin_client.headers["X-API-Key"]})
    told = {}
    for example in examples(text):
        answer = await client.request(
            example.method,
            reader.read(example.url),
            headers={name: reader.read(value) for name, value in example.headers.items()},
            content=reader.read(example.body) or None,
        )
        assert answer.status_code == example.status, f"{example.title}: {answer.text}"
        told[example.title] = reader.answers[example.name] = answer.json()
    return told


async def test_every_example_is_answered_as_it_says(told: dict[str, Any]) -> None:
    assert told["The verdict, explained component by component"]["verdict"] == "VERIFIED"
    assert told["The merit, truncated and never rounded: 92.6535"]["merit"] == "92.6535"
    assert told["Process the payout: 500.00, and who bears the rest"]["payout_amount"] == "500.00"
    assert told["Send it now; without `wait` it is queued and answered 202"]["sent"] is True


def test_every_route_of_the_seed_has_a_working_example(text: str) -> None:
    shown = {
        f"{example.method} {example.url.partition('?')[0].removeprefix('{{host}}')}"
        for example in examples(text)
        if example.status < 400
    }
    assert len(SEED) == 25
    assert shown >= SEED | {"GET /api/v1"}
