"""Every route of the application, provoked: each refusal is a problem document; methods and paths mean one thing."""

import re
from typing import Any

import httpx
import pytest
from litestar import get
from litestar.exceptions import ImproperlyConfiguredException
from litestar.middleware import ASGIMiddleware
from litestar.routes import HTTPRoute

from core.auth import PUBLIC

VALUES = {"uuid": "0190d0a0-0000-7000-8000-000000000000", "str": "x", "int": "1"}
MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id", "trace_id"}
LEAKS = re.compile(
    r"Traceback|\.py\b|SELECT |INSERT |asyncpg|sqlalchemy|litestar|msgspec|Error\(|Exception", re.IGNORECASE
)
JSON = {"Content-Type": "application/json"}

PROVOCATIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "another method": {"method": "PURGE"},
    "TRACE": {"method": "TRACE"},
    "a wrong key": {"headers": {"X-API-Key": "wrong"}},
    "an unknown parameter": {"params": {"surely_unknown": "1"}},
    "NUL in the query": {"params": {"a": "\0"}},
    "no JSON": {"content": b"{", "headers": JSON},
    "an empty object": {"content": b"{}", "headers": JSON},
    "an unknown field": {"content": b'{"surely_unknown": 1}', "headers": JSON},
    "no media type": {"content": b"{}"},
    "a compressed body": {"content": b"\x1f\x8b", "headers": {**JSON, "Content-Encoding": "gzip"}},
    "too large a body": {"content": b" " * (2 * 1024 * 1024 + 1), "headers": JSON},
    "a form without boundary": {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
    "nothing acceptable": {"headers": {"Accept": "image/png"}},
    "an infinite quality": {"headers": {"Accept": "text/html;q=1e999"}},
    "a bad Host": {"headers": {"Host": "a b"}},
    "a bad port": {"headers": {"Host": "t:port"}},
    "a bad Idempotency-Key": {"headers": {"Idempotency-Key": "k" * 300}},
    "an upgrade": {"headers": {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x"}},
    "a long address": {"suffix": "/" + "a" * 2000},
    "one segment too many": {"suffix": "/nothing/here"},
}


def operations(app: Any) -> list[tuple[str, str]]:
    return [
        (method, re.sub(r"\{\w+:(\w+)\}", lambda found: VALUES[found[1]], route.path))
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in sorted(set(route.route_handler_map) - {"OPTIONS", "HEAD"})
    ]


def fault_of(answer: httpx.Response) -> str | None:
    """Return what is wrong with a refusal, or None."""
    if answer.status_code < 400:
        return None
    told = f"{answer.request.method} {answer.request.url.path[:80]}: {answer.status_code}"
    if answer.status_code >= 500:
        return f"{told} {answer.text[:300]}"
    if answer.headers.get("Content-Type") != "application/problem+json":
        return f"{told} as {answer.headers['Content-Type']}"
    document = answer.json()
    if MEMBERS - document.keys() or document["status"] != answer.status_code:
        return f"{told} lacks {MEMBERS - document.keys()}"
    return f"{told} leaks {found[0]!r}" if (found := LEAKS.search(answer.text)) else None


@pytest.mark.parametrize("who", ["client", "admin_client"])
async def test_every_refusal_is_a_problem_document_whose_type_can_be_looked_up(running: Any, who: str) -> None:
    types: set[str] = set()
    faults: list[str] = []
    async with running.admin_client() if who == "admin_client" else running.client() as client:
        for method, path in operations(running.app):
            for options in PROVOCATIONS.values():
                asked = {**options}
                verb, suffix = asked.pop("method", method), asked.pop("suffix", "")
                answer = await client.request(verb, path + suffix, **asked)
                if fault := fault_of(answer):
                    faults.append(fault)
                if answer.headers.get("Content-Type") == "application/problem+json":
                    types.add(answer.json()["type"])
        assert faults == []
        assert len(types) > 5
        for kind in types:
            page = await client.get(kind)
            assert (page.status_code, page.json()["type"]) == (200, kind)


async def test_options_and_405_tell_the_same_methods_of_every_path(running: Any) -> None:
    async with running.client() as client:
        for path in {path for _, path in operations(running.app)}:
            options, refused = await client.options(path), await client.request("PURGE", path)
            assert (options.status_code, refused.status_code) == (204, 405), path
            assert options.headers["Allow"] == refused.headers["Allow"], path
            assert options.headers["Allow"].split(", ") == sorted(options.headers["Allow"].split(", "))


async def test_head_answers_as_get_does_without_a_body(running: Any) -> None:
    unlike = {"x-request-id", "date", "content-length", "etag"}
    async with running.client() as client:
        for path in [path for method, path in operations(running.app) if method == "GET"]:
            got, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert head.headers.keys() - unlike == got.headers.keys() - unlike, path


async def test_a_path_is_one_thing_however_many_slashes_and_another_in_another_case(running: Any) -> None:
    async with running.client() as client:
        for path in ("/api/v1", "/health/live", "/problems/not_found"):
            for same in (path + "/", path.replace("/", "//"), "/%2F" + path[1:]):
                request = client.build_request("GET", "http://testserver/")
                request.url = request.url.copy_with(raw_path=same.encode())
                assert (await client.send(request)).status_code == 200, same
            assert (await client.get(path.upper())).status_code == 404
        assert (await client.get("/problems/not%2Ffound")).status_code == 404


@get("/unserialisable", access=PUBLIC)
async def unserialisable() -> Any:
    return {"what": object()}


@get("/fails", access=PUBLIC)
async def fails() -> None:
    raise RuntimeError("secret")


class Failing(ASGIMiddleware):
    async def handle(self, scope: Any, receive: Any, send: Any, next_app: Any) -> None:
        raise KeyError("secret")


def failing_handler(request: Any, exc: Exception) -> Any:
    raise ImproperlyConfiguredException("secret")


@pytest.mark.parametrize(
    "options",
    [
        {"handler": unserialisable},
        {"handler": fails, "middleware": [Failing()]},
        {"handler": get("/fails", access=PUBLIC, exception_handlers={RuntimeError: failing_handler})(fails.fn)},
    ],
    ids=["in serialisation", "in a middleware", "in an exception handler"],
)
async def test_what_fails_outside_of_a_handler_is_answered_like_any_failure(
    build_app: Any, client_of: Any, options: dict[str, Any]
) -> None:
    handler = options.pop("handler")
    async with client_of(build_app(handler, **options)) as client:
        answer = await client.get(min(handler.paths))
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert answer.json()["code"] == "internal_error"
    assert "secret" not in answer.text
