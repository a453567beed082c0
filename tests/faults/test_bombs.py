"""Bodies that are small to send and large to take: refused early, ten at once, while others are served."""

import asyncio
import gzip
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import Server, environment, server
from tests.faults.kit.raw_http import Answer, chunk, connected, request

KEY = "bombs-" + "k" * 32
LIMIT = 2 * 1024 * 1024
JSON = {"X-API-Key": KEY, "Content-Type": "application/json"}
RULES = "/api/v1/academic/admin/eligibility-rules"
REVIEW = "/api/v1/insurance/claims/review"
ENRICH = "/api/v1/insurance/medical/enrich"
DOCTORS = "/api/v1/doctors/admin/add"
NOTIFICATION = "/api/v1/insurance/admin/notification"

Figure = Callable[..., None]


class Bomb(NamedTuple):
    """A request, and how it has to be answered."""

    data: bytes
    statuses: frozenset[int] = frozenset({400})


def filled(piece: bytes) -> bytes:
    """Return a JSON object whose array repeats `piece` up to the limit of a body."""
    return b'{"a":[' + piece * ((LIMIT - 100) // len(piece)) + b"1]}"


def posted(path: str, body: bytes) -> Bomb:
    return Bomb(request("POST", path, JSON, body))


def nested_rule(depth: int, width: int) -> bytes:
    rule: object = {"field": "percentage", "op": ">=", "value": 60}
    for _ in range(depth):
        rule = {"all": [rule] * width}
    return json.dumps({"course_id": "x", "rules": rule, "eligibility_rules": rule}).encode()


BOMBS = {
    "array of numbers": posted(REVIEW, filled(b"1,")),
    "array of arrays": posted(REVIEW, filled(b"[],")),
    "array of objects": posted(REVIEW, filled(b"{},")),
    "array nested 60 deep": posted(REVIEW, filled(b"[" * 60 + b"]" * 60 + b",")),
    "keys": posted(REVIEW, b"{" + b",".join(b'"k%06d":1' % number for number in range(170_000)) + b"}"),
    "one key again and again": posted(REVIEW, b"{" + b'"a":1,' * 290_000 + b'"a":1}'),
    "keys under the bound": posted(REVIEW, b"{" + b",".join(b'"k%06d":1' % number for number in range(49_000)) + b"}"),
    "keys of one hash": posted(REVIEW, b"{" + b",".join(b'"%d":1' % (n * (2**61 - 1)) for n in range(49_000)) + b"}"),
    "nested to the end": posted(REVIEW, b'{"a":' + b"[" * (LIMIT - 10)),
    "an integer": posted(REVIEW, b'{"a":' + b"9" * (LIMIT - 10) + b"}"),
    "exponents": posted(REVIEW, filled(b"1e999999999,")),
    "fractions": posted(REVIEW, filled(b"0." + b"9" * 1000 + b",")),
    "surrogates": posted(REVIEW, filled(b'"\\ud800",')),
    "a string of escapes": posted(REVIEW, b'{"a":"' + b"\\u0041" * 340_000 + b'"}'),
    "a string of combining marks": posted(NOTIFICATION, b'{"recipient_name":"' + "e\u0301".encode() * 600_000 + b'"}'),
    "an e-mail address": posted(NOTIFICATION, b'{"recipient_email":"' + b"a." * 900_000 + b'@x.org"}'),
    "encoded words": posted(NOTIFICATION, b'{"subject":"' + b"=?" * 900_000 + b'"}'),
    "a string for each pattern": posted(ENRICH, b'{"icd_code":"' + b"A0" * 900_000 + b'","claim_reference":"!"}'),
    "faults": posted(DOCTORS, b'{"degrees":[' + b'{"x":1},' * 24_000 + b"{}]}"),
    "a deep rule": posted(RULES, nested_rule(60, 1)),
    "a wide rule": posted(RULES, nested_rule(4, 9)),
    "gzip": Bomb(
        request("POST", REVIEW, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(bytes(200_000_000), 9)),
        frozenset({415}),
    ),
    "a length over the limit": Bomb(request("POST", REVIEW, JSON, bytes(LIMIT + 1)), frozenset({413})),
    "chunks over the limit": Bomb(
        request("POST", REVIEW, {**JSON, "Transfer-Encoding": "chunked"}) + chunk(b" " * 65536) * 40, frozenset({413})
    ),
    "a form of many parts": Bomb(
        request(
            "POST",
            "/login",
            {"Content-Type": "multipart/form-data; boundary=b"},
            b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nx\r\n' * 1001 + b"--b--\r\n",
        ),
        frozenset({413, 429}),
    ),
}


@pytest.fixture(scope="module", params=["uvicorn", "granian"])
async def running(request: pytest.FixtureRequest, postgres: Cluster) -> AsyncIterator[tuple[str, Server]]:
    dsn = await postgres.create_database(f"bombs_{request.param}")
    environ = environment(dsn, "verification", SERVER=request.param, ADMIN_KEY=KEY)
    with tempfile.TemporaryDirectory(prefix="hexastar-") as folder:
        async with server(Path(folder), environ) as running:
            yield request.param, running


async def thrown(port: int, bomb: Bomb) -> Answer | None:
    async with connected("127.0.0.1", port) as client:
        return await client.exchange(bomb.data, patience=60)


async def honest(port: int, over: asyncio.Event) -> list[float]:
    """Ask now and again until it is over; return how long each answer took, in milliseconds."""
    took = []
    async with connected("127.0.0.1", port) as client:
        while not over.is_set():
            began = time.perf_counter()
            answer = await client.exchange(request("GET", "/api/v1"), patience=60)
            took.append((time.perf_counter() - began) * 1000)
            assert answer is not None
            assert answer.status == 200
            await asyncio.sleep(0.01)
    return took


async def highest_memory(running: Server, over: asyncio.Event) -> int:
    """Return the most resident memory that was seen until it is over, in bytes."""
    highest = running.resident_bytes()
    while not over.is_set():
        await asyncio.sleep(0.02)
        highest = max(highest, running.resident_bytes())
    return highest


async def test_bombs_at_once_are_refused_while_others_are_served(
    running: tuple[str, Server], full: bool, figure: Figure
) -> None:
    kind, serving = running
    at_once = 10 if full else 2
    for bomb in BOMBS.values() if full else ():  # what is imported and cached at the first time is no growth
        await thrown(serving.port, bomb)
    before, over = serving.resident_bytes(), asyncio.Event()
    others = asyncio.create_task(honest(serving.port, over))
    highest = asyncio.create_task(highest_memory(serving, over))
    wrong = {}
    for name, bomb in BOMBS.items():
        answers = await asyncio.gather(*(thrown(serving.port, bomb) for _ in range(at_once)))
        statuses = {answer.status if answer else None for answer in answers}
        if not statuses <= bomb.statuses:
            wrong[name] = statuses
    over.set()
    took = sorted(await others)
    figure("G35", f"{kind}: growth under {at_once} bombs at once", (await highest - before) / 1e6, "MB", at_most=100)
    figure("G35", f"{kind}: others' p99 meanwhile", took[int(len(took) * 0.99)], "ms")
    assert wrong == {}
    assert [line for line in serving.lines() if "Traceback" in line] == []
