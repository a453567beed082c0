"""Whatever a client is refused with is a problem document, and tells nothing of ours."""

import gc
import weakref
from typing import Any

import httpx
import msgspec
import pytest
from litestar import get, post
from litestar.datastructures import UploadFile
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException, TooManyRequestsException
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from core.auth import PUBLIC
from core.http import problem_pages
from core.http.problem_types import CONFLICT
from core.http.problems import Fault, Problem
from ports.errors import OutcomeUnknown, Rejected, Unavailable

SECRET = "postgresql://user:hunter2@db/SELECT"

RAISED = {
    "problem": Problem(CONFLICT, "taken", faults=[Fault("/name", "taken", "It is taken.", {"by": 7})]),
    "unavailable": Unavailable(SECRET, retry_after=2.2),
    "away": Unavailable(SECRET),
    "rejected": Rejected("declined", SECRET),
    "unknown": OutcomeUnknown(SECRET),
    "unauthorized": NotAuthorizedException("show a key"),
    "forbidden": PermissionDeniedException("not yours"),
    "many": TooManyRequestsException(headers={"Retry-After": "3"}),
    "bug": ValueError(SECRET),
    "key": KeyError(SECRET),
    "validation": msgspec.ValidationError(SECRET),
    "recursion": RecursionError(SECRET),
    "group": ExceptionGroup(SECRET, [Problem(CONFLICT)]),
}
STATUS = {
    "problem": 409,
    "unavailable": 503,
    "away": 503,
    "rejected": 502,
    "unknown": 503,
    "unauthorized": 401,
    "forbidden": 403,
    "many": 429,
    "bug": 500,
    "key": 500,
    "validation": 500,
    "recursion": 500,
    "group": 409,
}


@get("/api/v1/raise/{name:str}", access=PUBLIC)
async def fail(name: FromPath[str]) -> None:
    raise RAISED[name]


@get("/api/v1/things/{number:int}", access=PUBLIC)
async def thing(number: FromPath[int]) -> int:
    return number


@post("/api/v1/things", access=PUBLIC)
async def add(data: JSONBody[dict[str, Any]], limit: FromQuery[int] = 1) -> int:
    return len(data)


@post("/api/v1/files", access=PUBLIC)
async def files(data: MultipartBody[list[UploadFile]]) -> int:
    return len(data)


@get("/api/v1/traced", access=PUBLIC)
async def traced() -> None:
    raise Problem(CONFLICT)


class Observed:
    """An ASGI layer that opens a span and names the request, as telemetry does."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"request_id": "r-1"}
        with trace.use_span(NonRecordingSpan(SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)))):
            await self.app(scope, receive, send)


@pytest.fixture
async def client(build_app: Any, client_of: Any) -> Any:
    app = build_app(fail, thing, add, files, traced, *problem_pages.ROUTES, request_max_body_size=1000)
    async with client_of(app) as client:
        yield client


def assert_problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert document["status"] == status
    assert document["type"] == f"/problems/{document['code']}"
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == answer.request.url.path
    if code is not None:
        assert document["code"] == code
    return document


@pytest.mark.parametrize("name", RAISED)
async def test_every_exception_becomes_a_document_that_leaks_nothing(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/api/v1/raise/{name}")
    assert_problem(answer, STATUS[name])
    for word in ("hunter2", "Traceback", "ValueError", "KeyError", ".py", "SELECT"):
        assert word not in answer.text


async def test_a_problem_carries_what_it_was_raised_with(client: httpx.AsyncClient) -> None:
    document = assert_problem(await client.get("/api/v1/raise/problem"), 409, "conflict")
    assert document["detail"] == "taken"
    assert document["errors"] == [{"pointer": "/name", "code": "taken", "message": "It is taken.", "meta": {"by": 7}}]


async def test_who_must_wait_is_told_how_long(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/raise/unavailable")).headers["Retry-After"] == "3"
    assert (await client.get("/api/v1/raise/away")).headers["Retry-After"] == "1"
    assert (await client.get("/api/v1/raise/unknown")).headers["Retry-After"] == "1"
    assert (await client.get("/api/v1/raise/many")).headers["Retry-After"] == "3"


async def test_401_names_a_scheme(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/raise/unauthorized")).headers["WWW-Authenticate"]


async def test_a_document_names_the_request_and_the_trace(build_app: Any, client_of: Any) -> None:
    async with client_of(Observed(build_app(traced))) as client:
        document = assert_problem(await client.get("/api/v1/traced"), 409)
    assert document["request_id"] == "r-1"
    assert document["trace_id"] == f"{1:032x}"


JSON = {"Content-Type": "application/json"}
UTF_16 = {"Content-Type": "application/json; charset=utf-16"}
FORM = {"Content-Type": "multipart/form-data; boundary=a"}
NO_BOUNDARY = {"Content-Type": "multipart/form-data"}


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/nowhere", {}, 404, "not_found"),
        ("GET", "/api/v1/things/abc", {}, 404, "not_found"),
        ("PUT", "/api/v1/things/1", {}, 405, "method_not_allowed"),
        ("FOO", "/api/v1/things/1", {}, 405, "method_not_allowed"),
        ("GET", "/api/v1/things/1", {"headers": {"Host": "a b"}}, 400, "invalid_host"),
        ("POST", "/api/v1/things", {"content": b"x" * 2000, "headers": JSON}, 413, "payload_too_large"),
        ("POST", "/api/v1/things", {"content": b"{}"}, 415, "unsupported_media_type"),
        ("POST", "/api/v1/things", {"content": b"{}", "headers": {"Content-Type": "text/json"}}, 415, None),
        ("POST", "/api/v1/things", {"content": b"{}", "headers": UTF_16}, 415, None),
        ("POST", "/api/v1/things", {"content": b"", "headers": JSON}, 400, "malformed_json"),
        ("POST", "/api/v1/things", {}, 400, "malformed_json"),
        ("POST", "/api/v1/things?limit=x", {"json": {}}, 400, "validation_error"),
        ("POST", "/api/v1/files", {"content": b"x", "headers": NO_BOUNDARY}, 400, "malformed_body"),
        ("POST", "/api/v1/files", {"content": b"", "headers": FORM}, 400, "malformed_body"),
        ("POST", "/api/v1/files", {"content": b"--a--\r\n", "headers": FORM}, 400, "malformed_body"),
        ("POST", "/api/v1/files", {"content": b"--a\r\nx", "headers": FORM}, 400, "malformed_body"),
        ("POST", "/api/v1/files", {"json": {}}, 400, "malformed_body"),
        ("POST", "/api/v1/files", {}, 400, "malformed_body"),
    ],
)
async def test_what_never_reaches_a_handler_is_a_document_too(
    client: httpx.AsyncClient, method: str, path: str, options: dict[str, Any], status: int, code: str | None
) -> None:
    assert_problem(await client.request(method, path, **options), status, code)


async def test_too_many_parts_are_too_large(build_app: Any, client_of: Any) -> None:
    async with client_of(build_app(files)) as client:
        answer = await client.post("/api/v1/files", files=[("f", ("a", b"x"))] * 1001)
        assert_problem(answer, 413, "payload_too_large")


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 100_000,
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\u0000"}',
        b'{"a": "\xff"}',
        b'{"a": 99999999999999999999}',
        b"\x1f\x8b\x08\x00gzip",
        b'{"' + b"k" * 1_000_000 + b'": NaN}',
        "{}".encode("utf-16"),
        b"[]",
    ],
)
async def test_chaos_is_a_clients_fault(build_app: Any, client_of: Any, body: bytes) -> None:
    async with client_of(build_app(add)) as client:
        answer = await client.post("/api/v1/things", content=body, headers={"Content-Type": "application/json"})
        assert_problem(answer, 400, "malformed_json")
        assert len(answer.content) < 2000


async def test_every_type_can_be_looked_up(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/problems")).json()["data"]
    assert {"validation_error", "internal_error"} <= {kind["code"] for kind in listed}
    for kind in listed:
        described = await client.get(kind["type"])
        assert described.json() == kind
        page = await client.get(kind["type"], headers={"Accept": "text/html,*/*;q=0.8"})
        assert page.headers["Content-Type"].startswith("text/html")
        assert kind["code"] in page.text


async def test_an_unknown_type_is_not_found(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/problems/nothing"), 404, "not_found")


class Canary:
    """Lives as long as the request whose state holds it."""


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b"[", b"[]", b'{"a": "' + b"x" * 100_000 + b'"'])
async def test_a_refused_request_is_let_go_of_at_once(build_app: Any, body: bytes) -> None:
    """Were it in a cycle, its body would stay until the collector runs, which is seldom: a way to fill the memory."""
    app = build_app(add)
    headers = [(b"host", b"t"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def ask() -> weakref.ref[Canary]:
        canary = Canary()
        sent: list[Any] = []
        scope: dict[str, Any] = {
            "type": "http", "method": "POST", "path": "/api/v1/things", "raw_path": b"", "query_string": b"",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("t", 80), "scheme": "http", "root_path": "",
            "http_version": "1.1", "asgi": {"version": "3.0"}, "state": {"canary": canary},
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope, receive, send)
        assert sent[0]["status"] == 400
        return weakref.ref(canary)

    await ask()
    gc.collect()
    gc.disable()
    try:
        canary = await ask()
        assert canary() is None
    finally:
        gc.enable()
