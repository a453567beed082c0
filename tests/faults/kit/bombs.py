"""Bodies that are small to send and large to take, and the clients that throw them or suffer from them."""

import asyncio
import gzip
import json
import time
from typing import Final, NamedTuple

from tests.faults.kit.raw_http import Answer, chunk, connected, request

LIMIT: Final = 2 * 1024 * 1024
"""Bytes of a body that are taken."""

RULES: Final = "/api/v1/academic/admin/eligibility-rules"
REVIEW: Final = "/api/v1/insurance/claims/review"
ENRICH: Final = "/api/v1/insurance/medical/enrich"
DOCTORS: Final = "/api/v1/doctors/admin/add"
NOTIFICATION: Final = "/api/v1/insurance/admin/notification"


class Bomb(NamedTuple):
    """A request, and how it has to be answered."""

    data: bytes
    statuses: frozenset[int] = frozenset({400})


def filled(piece: bytes) -> bytes:
    """Return a JSON object whose array repeats `piece` up to the limit of a body."""
    return b'{"a":[' + piece * ((LIMIT - 100) // len(piece)) + b"1]}"


def nested_rule(depth: int, width: int) -> bytes:
    rule: object = {"field": "percentage", "op": ">=", "value": 60}
    for _ in range(depth):
        rule = {"all": [rule] * width}
    return json.dumps({"course_id": "x", "rules": rule, "eligibility_rules": rule}).encode()


def bombs(key: str) -> dict[str, Bomb]:
    """Return the bombs by name, thrown by somebody who shows the admin key."""
    admin = {"X-API-Key": key, "Content-Type": "application/json"}

    def posted(path: str, body: bytes) -> Bomb:
        return Bomb(request("POST", path, admin, body))

    return {
        "array of numbers": posted(REVIEW, filled(b"1,")),
        "array of arrays": posted(REVIEW, filled(b"[],")),
        "array of objects": posted(REVIEW, filled(b"{},")),
        "array nested 60 deep": posted(REVIEW, filled(b"[" * 60 + b"]" * 60 + b",")),
        "keys": posted(REVIEW, b"{" + b",".join(b'"k%06d":1' % number for number in range(170_000)) + b"}"),
        "one key again and again": posted(REVIEW, b"{" + b'"a":1,' * 290_000 + b'"a":1}'),
        "keys under the bound": posted(
            REVIEW, b"{" + b",".join(b'"k%06d":1' % number for number in range(49_000)) + b"}"
        ),
        "keys of one hash": posted(
            REVIEW, b"{" + b",".join(b'"%d":1' % (n * (2**61 - 1)) for n in range(49_000)) + b"}"
        ),
        "nested to the end": posted(REVIEW, b'{"a":' + b"[" * (LIMIT - 10)),
        "an integer": posted(REVIEW, b'{"a":' + b"9" * (LIMIT - 10) + b"}"),
        "exponents": posted(REVIEW, filled(b"1e999999999,")),
        "fractions": posted(REVIEW, filled(b"0." + b"9" * 1000 + b",")),
        "surrogates": posted(REVIEW, filled(b'"\\ud800",')),
        "a string of escapes": posted(REVIEW, b'{"a":"' + b"\\u0041" * 340_000 + b'"}'),
        "a string of combining marks": posted(
            NOTIFICATION, b'{"recipient_name":"' + "e\u0301".encode() * 600_000 + b'"}'
        ),
        "an e-mail address": posted(NOTIFICATION, b'{"recipient_email":"' + b"a." * 900_000 + b'@x.org"}'),
        "encoded words": posted(NOTIFICATION, b'{"subject":"' + b"=?" * 900_000 + b'"}'),
        "a string for each pattern": posted(ENRICH, b'{"icd_code":"' + b"A0" * 900_000 + b'","claim_reference":"!"}'),
        "faults": posted(DOCTORS, b'{"degrees":[' + b'{"x":1},' * 24_000 + b"{}]}"),
        "a deep rule": posted(RULES, nested_rule(60, 1)),
        "a wide rule": posted(RULES, nested_rule(4, 9)),
        "gzip": Bomb(
            request("POST", REVIEW, {**admin, "Content-Encoding": "gzip"}, gzip.compress(bytes(200_000_000), 9)),
            frozenset({415}),
        ),
        "a length over the limit": Bomb(request("POST", REVIEW, admin, bytes(LIMIT + 1)), frozenset({413})),
        "chunks over the limit": Bomb(
            request("POST", REVIEW, {**admin, "Transfer-Encoding": "chunked"}) + chunk(b" " * 65536) * 40,
            frozenset({413}),
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
