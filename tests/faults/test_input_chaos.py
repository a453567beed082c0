"""Every route of the application under hostile input, over bare sockets, behind either server.

Whatever is sent, nothing fails (5xx) and nothing hangs; what is refused is refused with a problem document whose
status the route documents; afterwards the server serves on, and its log holds no trace of a failure.
"""

import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from litestar.routes import HTTPRoute

from core.application import build_application
from core.composition import compose
from tests.faults.kit.chaos import EVERYWHERE, HOSTS, METHODS, ON_BODIES, OTHERS, Attack
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import Server, environment, server
from tests.faults.kit.raw_http import Answer, chunk, connected, request

KEY = "input-chaos-" + "k" * 32
VALUES = {"uuid": "0190d0a0-0000-7000-8000-000000000000", "int": "1", "str": "x", "path": "x"}
ALWAYS = frozenset({400, 401, 403, 404, 405, 408, 413, 415, 429, 431})
"""What any request may be answered with before its route has a say; 401 and 403 where it shows a credential."""

LENIENT = frozenset({"version: 0.9", "framing: an endless chunk extension"})
"""Requests that have not ended yet: a server may wait for the rest, until it loses its patience."""

GRANIAN_SAYS = frozenset({400, 403, 414, 431})
"""Statuses with which Granian's HTTP library refuses, without a body, what never reaches the application."""

SETTLED_BEFORE = frozenset({*METHODS, *HOSTS, *OTHERS})
SHARE = 5
"""One in so many attacks strikes a route, where not all do."""

Figure = Callable[..., None]


class Operation(NamedTuple):
    """A method at an address of the application."""

    method: str
    path: str
    takes_body: bool


class Target(NamedTuple):
    """A started server, and who it is."""

    running: Server
    kind: str


@pytest.fixture(scope="module")
def operations(hexastar_config: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Operation]:
    """Each method of each route, at an address that it serves."""
    environ = {
        "HEXASTAR__PROFILE": "test",
        "HEXASTAR__STATE_DIR": str(tmp_path_factory.mktemp("state")),
        "HEXASTAR__PLUGINS__ENABLED": '["verification"]',
    }
    app = build_application(compose(hexastar_config, environ))
    return [
        Operation(method, _address(route.path), takes_body=method in {"POST", "PUT", "PATCH"})
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in sorted(set(route.route_handler_map) - {"OPTIONS", "HEAD"})
    ]


def _address(template: str) -> str:
    return re.sub(r"\{\w+:(\w+)\}", lambda found: VALUES[found[1]], template)


@pytest.fixture(scope="module", params=["uvicorn", "granian"])
async def target(request: pytest.FixtureRequest, postgres: Cluster) -> AsyncIterator[Target]:
    dsn = await postgres.create_database(f"chaos_{request.param}")
    keys = {"HTTP__HEADER_TIMEOUT": "1.5", "HTTP__BODY_CHUNK_TIMEOUT": "1.5", "HTTP__TRUSTED_PROXIES": '["127.0.0.1"]'}
    environ = environment(dsn, "verification", SERVER=request.param, ADMIN_KEY=KEY, **keys)
    with tempfile.TemporaryDirectory(prefix="hexastar-") as folder:
        async with server(Path(folder), environ) as running:
            yield Target(running, request.param)


class Attacker:
    """Sends attacks as an administrator, each from an address of its own so that no limit spoils the game."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.sent = 0

    async def strike(self, attack: Attack, operation: Operation) -> str | None:
        """Return what was wrong with the answer to `attack`, or None."""
        data = attack.make(operation.method, operation.path)
        self.sent += 1
        hop = f"10.{self.sent >> 16 & 255}.{self.sent >> 8 & 255}.{self.sent & 255}"
        ours = f"\r\nX-Forwarded-For: {hop}" + ("" if b"X-API-Key" in data else f"\r\nX-API-Key: {KEY}")
        data = data.replace(b" HTTP/1.1\r\n", f" HTTP/1.1{ours}\r\n".encode(), 1)
        try:
            async with connected("127.0.0.1", self.target.running.port) as client:
                answer = await client.exchange(data, method=_method_of(attack, operation))
        except AssertionError as failure:
            return f"{operation.method} {operation.path}, {attack.name}: {failure}"
        fault = self._fault(attack, answer)
        return None if fault is None else f"{operation.method} {operation.path}, {attack.name}: {fault}"

    def _fault(self, attack: Attack, answer: Answer | None) -> str | None:
        if answer is None:
            return None if attack.by_the_server or attack.name in LENIENT else "closed without an answer"
        if answer.status < 400:
            return None
        if answer.status not in ALWAYS | {409, 412, 422, 428, 406, 414}:
            return f"{answer.status} {answer.body[:300]!r}"
        if attack.by_the_server and self.target.kind == "granian" and not answer.body:
            return None if answer.status in GRANIAN_SAYS else f"a bare {answer.status}"
        return _fault_of_document(answer, _method_of(attack, None))


def _method_of(attack: Attack, operation: Operation | None) -> str:
    return "HEAD" if attack.name == "method: 'HEAD'" else operation.method if operation else "GET"


def _fault_of_document(answer: Answer, method: str) -> str | None:
    media_type = answer.header("Content-Type")
    if method == "HEAD":
        return None
    if media_type != "application/problem+json":
        return f"{answer.status} as {media_type}: {answer.body[:200]!r}"
    document: dict[str, Any] = answer.json()
    lacks = {"type", "title", "status", "code", "detail", "instance", "request_id", "trace_id"} - document.keys()
    if lacks or document["status"] != answer.status or document["type"] != f"/problems/{document['code']}":
        return f"a document that is none: {answer.body!r}"
    return None


async def assert_unharmed(target: Target) -> None:
    async with connected("127.0.0.1", target.running.port) as client:
        answer = await client.exchange(request("GET", "/health/ready"))
    assert answer is not None
    assert answer.status == 200
    failures = [line for line in target.running.lines() if "Traceback" in line or "panicked" in line]
    assert failures == []


def chosen(operations: list[Operation], *, full: bool) -> Iterator[tuple[Attack, Operation]]:
    """Yield every attack on every operation; where not in full, every attack on some and some attacks on each.

    What the server or the outer layers settle is the same for every route.
    """
    once: set[tuple[str, bool]] = set()
    for turn, operation in enumerate(operations):
        for number, attack in enumerate([*EVERYWHERE, *(ON_BODIES if operation.takes_body else ())]):
            settled_before = attack.by_the_server or attack in SETTLED_BEFORE
            first = (attack.name, operation.takes_body) not in once
            if full or first or (not settled_before and (number + turn) % SHARE == 0):
                once.add((attack.name, operation.takes_body))
                yield attack, operation


async def test_no_input_breaks_any_route(
    target: Target, operations: list[Operation], full: bool, figure: Figure
) -> None:
    attacker = Attacker(target)
    strikes = list(chosen(operations, full=full))
    faults = [await attacker.strike(*strike) for strike in strikes]
    found = [fault for fault in faults if fault is not None]
    figure("G38", f"{target.kind}: attacks over {len(operations)} operations", attacker.sent)
    figure("G38", f"{target.kind}: answered wrongly", len(found), at_most=0)
    assert found == []
    await assert_unharmed(target)


EXTREMES = (
    "", "%00", "null", "NaN", "-1", "0", "9" * 40, "1e400", "0001-01-01", "9999-12-31", "0000-00-00", "2026-02-30",
    "%F0%9F%92%A9", "%EF%BF%BD", "%E2%80%AE", "a" * 4000, "'%20OR%201=1--", "%25", "%5C", "..%2F..%2Fetc%2Fpasswd",
    "true", "[]", "{}", "%7B%22a%22:1%7D", "%0D%0AX-Injected:%20yes", "%E1%84%80%CC%81" * 100, "$%7Bjndi:x%7D",
)  # fmt: skip


async def test_no_value_of_any_parameter_breaks_its_route(target: Target, full: bool, figure: Figure) -> None:
    document = msgspec.json.decode((Path(__file__).parents[2] / "docs" / "openapi.json").read_bytes())
    attacker = Attacker(target)
    found = []
    for turn, (path, named) in enumerate(document["paths"].items()):
        for method, operation in named.items():
            queried = [one["name"] for one in operation.get("parameters", ()) if one.get("in") == "query"]
            address = re.sub(r"\{.*?\}", VALUES["uuid"], path)
            for value in EXTREMES if full else EXTREMES[turn % SHARE :: SHARE]:
                # One value in all parameters at once; in full, in each alone as well.
                for names in [queried, *([[name] for name in queried] if full else [])]:
                    target_path = f"{address}?{'&'.join(f'{name}={value}' for name in names)}"
                    struck = Operation(method.upper(), target_path, takes_body=False)
                    attack = Attack(f"value {value[:40]!r}", request)
                    found.append(await attacker.strike(attack, struck))
    figure("G38", f"{target.kind}: hostile values of parameters", attacker.sent)
    assert [fault for fault in found if fault is not None] == []
    await assert_unharmed(target)


async def test_pipelined_requests_are_answered_in_their_order(target: Target) -> None:
    paths = ["/problems/not_found", "/api/v1/nowhere", "/health/live", "/problems/forbidden"]
    async with connected("127.0.0.1", target.running.port) as client:
        await client.send(b"".join(request("GET", path) for path in paths))
        answers = [await client.answer() for _ in paths]
    assert [answer and (answer.status, answer.json().get("code")) for answer in answers] == [
        (200, "not_found"),
        (404, "not_found"),
        (200, None),
        (200, "forbidden"),
    ]


async def test_trailers_are_no_headers(target: Target) -> None:
    headers = {"X-API-Key": KEY, "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    trailers = b"Host: elsewhere\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n"
    data = request("POST", "/api/v1/insurance/claims/review", headers) + chunk(b"[]") + b"0\r\n" + trailers
    async with connected("127.0.0.1", target.running.port) as client:
        answer = await client.exchange(data)
    assert answer is not None
    assert (answer.status, answer.json()["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    "garbage", [b"\x00\x01\x02\r\n\r\n", b"FOO BAR BAZ\r\n\r\n", b"GET / HTTP/1.1\r\nHost t\r\n\r\n"]
)
async def test_garbage_behind_a_request_does_not_answer_it(target: Target, garbage: bytes) -> None:
    async with connected("127.0.0.1", target.running.port) as client:
        await client.send(request("GET", "/problems/not_found") + garbage)
        answer = await client.answer()
        assert answer is not None
        assert (answer.status, answer.json()["code"]) == (200, "not_found")
        refusal = await client.answer()
        assert refusal is None or refusal.status == 400
        assert await client.ended() == b""


@pytest.mark.parametrize("leave", ["close", "reset", "half_close"])
async def test_clients_that_leave_in_the_middle_are_no_failure(target: Target, leave: str) -> None:
    body = {"Content-Type": "application/json", "X-API-Key": KEY, "Content-Length": "1000"}
    beginnings = [
        b"G", b"GET /health/live HT", request("GET", "/schema/openapi.json") * 20,
        request("POST", "/api/v1/insurance/claims/review", body) + b'{"a":',
        request("POST", "/api/v1/insurance/claims/review", {**body, "Expect": "100-continue"}),
    ]  # fmt: skip
    for beginning in beginnings:
        async with connected("127.0.0.1", target.running.port) as client:
            await client.send(beginning)
            getattr(client, leave)()
            if leave == "half_close":
                await client.ended()
    await assert_unharmed(target)


async def test_a_client_that_expects_to_be_asked_is_asked_or_refused(target: Target) -> None:
    headers = {"Content-Type": "application/json", "X-API-Key": KEY, "Content-Length": "2", "Expect": "100-continue"}
    async with connected("127.0.0.1", target.running.port) as client:
        await client.send(request("POST", "/api/v1/insurance/claims/review", headers))
        await client.send(b"{}")
        answer = await client.answer()
        assert answer is not None
        assert (answer.status, client.interim) == (400, [100])
    async with connected("127.0.0.1", target.running.port) as client:
        await client.send(request("POST", "/api/v1/insurance/claims/review", {**headers, "Content-Length": "3000000"}))
        refused = await client.answer()
        assert refused is not None
        assert (refused.status, client.interim) == (413, [])
