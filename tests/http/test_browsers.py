"""What browsers are told, on every answer whoever gives it, and which pages may call the service."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from core.http.cors import EXPOSED, REQUEST_HEADERS
from core.keys import admin_key
from core.testing.application import RunningApplication, running_application
from core.testing.migrated import environ_for_tests

ORIGIN = "https://app.example.com"
PUBLIC = "https://api.example.com"
HEALTH = "/api/v1/health"


async def deployment(database: Any, config: Any, environ: Any, state: Any, **keys: str) -> Any:
    settings = {**environ_for_tests(database, environ, state), **{f"HEXASTAR__{key}": keys[key] for key in keys}}
    return running_application(str(config), settings)


@pytest.fixture(scope="module")
async def listed(
    database: Any, hexastar_config: Any, hexastar_environ: Any, hexastar_state: Any
) -> AsyncIterator[RunningApplication]:
    """A deployment behind TLS, whose pages are elsewhere."""
    async with await deployment(
        database,
        hexastar_config,
        hexastar_environ,
        hexastar_state,
        HTTP__CORS_ORIGINS=f'["{ORIGIN}", "https://app.example.com:8443"]',
        HTTP__HSTS="true",
        HTTP__ALLOWED_HOSTS='["testserver", "api.example.com"]',
        HTTP__MAX_IN_FLIGHT="1",
        PUBLIC_URL=PUBLIC,
    ) as running:
        yield running


@pytest.fixture(scope="module")
async def anybody(
    database: Any, hexastar_config: Any, hexastar_environ: Any, hexastar_state: Any
) -> AsyncIterator[RunningApplication]:
    """A deployment that pages of anybody may call."""
    async with await deployment(
        database, hexastar_config, hexastar_environ, hexastar_state, HTTP__CORS_ORIGINS='["*"]'
    ) as running:
        yield running


def cors_headers(answer: httpx.Response) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


def varies_by_origin(answer: httpx.Response) -> bool:
    return "Origin" in [name.strip() for name in answer.headers.get("Vary", "").split(",")]


@pytest.mark.parametrize("origin", [ORIGIN, "https://app.example.com:8443"])
@pytest.mark.parametrize(("path", "status"), [(HEALTH, 200), ("/api/v1/nowhere", 404), ("/api/v1/jobs", 401)])
async def test_pages_of_a_listed_origin_may_read_every_answer(
    listed: RunningApplication, origin: str, path: str, status: int
) -> None:
    async with listed.client({"Origin": origin}) as client:
        answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == set(EXPOSED)
    assert varies_by_origin(answer)


OTHERS = [
    "https://appXexample.com",
    "https://app.example.com.evil.org",
    "https://evil.app.example.com",
    "https://evilapp.example.com",
    "https://example.com",
    "http://app.example.com",
    "https://app.example.com:443",
    "https://app.example.com:8444",
    "https://APP.example.com",
    "HTTPS://app.example.com",
    "https://app.example.com/",
    "https://app.example.com.",
    "https://app.example.com, https://evil.org",
    "https://evil.org#https://app.example.com",
    "https://user@app.example.com",
    "null",
    "*",
    "",
    "file://",
    "chrome-extension://abc",
]


@pytest.mark.parametrize("origin", OTHERS)
async def test_pages_of_any_other_origin_may_read_nothing(listed: RunningApplication, origin: str) -> None:
    async with listed.client({"Origin": origin}) as client:
        answer = await client.get(HEALTH)
        preflight = await client.options(HEALTH, headers={"Access-Control-Request-Method": "GET"})
    assert answer.status_code == 200
    assert not cors_headers(answer) | cors_headers(preflight)
    assert varies_by_origin(answer)
    assert varies_by_origin(preflight)
    assert (preflight.status_code, preflight.json()["code"]) == (403, "cors_refused")


async def test_two_origins_are_none(listed: RunningApplication) -> None:
    async with listed.client() as client:
        answer = await client.get(HEALTH, headers=[("Origin", ORIGIN), ("Origin", "https://evil.org")])
    assert not cors_headers(answer)


async def test_without_an_origin_nothing_is_granted_and_caches_know_that_it_matters(listed: RunningApplication) -> None:
    async with listed.client() as client:
        answer = await client.get(HEALTH)
    assert not cors_headers(answer)
    assert varies_by_origin(answer)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"Method": "GET"}, 204),
        ({"Method": "DELETE"}, 204),
        ({"Method": "POST", "Headers": "authorization, content-type, IDEMPOTENCY-KEY,x-api-key, traceparent"}, 204),
        ({"Method": "POST", "Headers": ""}, 204),
        ({"Method": "TRACE"}, 403),
        ({"Method": "CONNECT"}, 403),
        ({"Method": "get"}, 403),
        ({"Method": "POST", "Headers": "x-forwarded-for"}, 403),
        ({"Method": "POST", "Headers": "content-type, x-evil"}, 403),
        ({"Method": "POST", "Headers": "*"}, 403),
        ({"Method": "GET", "Private-Network": "true"}, 204),
    ],
)
async def test_a_preflight_is_answered_for_what_pages_may_send(
    listed: RunningApplication, asked: dict[str, str], status: int
) -> None:
    headers = {f"Access-Control-Request-{name}": value for name, value in asked.items()}
    async with listed.client({"Origin": ORIGIN, **headers}) as client:
        answer = await client.options("/api/v1/anything")
    assert answer.status_code == status
    assert varies_by_origin(answer)
    assert "Access-Control-Allow-Private-Network" not in answer.headers
    if status == 403:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "cors_refused"
    else:
        assert answer.content == b""
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Access-Control-Allow-Headers"] == ", ".join(REQUEST_HEADERS)
        assert "TRACE" not in answer.headers["Access-Control-Allow-Methods"]


async def test_options_that_are_no_preflight_tell_the_methods(listed: RunningApplication) -> None:
    async with listed.client({"Origin": ORIGIN}) as client:
        answer = await client.options(HEALTH)
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_where_anybody_may_call_nobodys_credentials_travel(anybody: RunningApplication) -> None:
    async with anybody.client({"Origin": "https://evil.org", "Cookie": "hexastar_session=x"}) as client:
        answer = await client.get(HEALTH)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_where_nobody_is_listed_there_is_no_cors(client: httpx.AsyncClient) -> None:
    answer = await client.get(HEALTH, headers={"Origin": ORIGIN})
    assert not cors_headers(answer)
    assert "Vary" not in answer.headers


API = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}

JSON = {"Content-Type": "application/json"}
ANSWERS: list[tuple[str, str, int, dict[str, Any]]] = [
    ("GET", HEALTH, 200, {}),
    ("HEAD", HEALTH, 200, {}),
    ("OPTIONS", HEALTH, 204, {}),
    ("OPTIONS", HEALTH, 403, {"headers": {"Origin": "null", "Access-Control-Request-Method": "GET"}}),
    ("GET", HEALTH, 400, {"headers": {"Host": "evil.com"}}),
    ("GET", "/api/v1/nowhere", 404, {}),
    ("GET", "/nowhere", 404, {}),
    ("DELETE", HEALTH, 405, {}),
    ("GET", "/api/v1/jobs", 401, {}),
    ("GET", "/api/v1/jobs", 401, {"headers": {"X-API-Key": "wrong"}}),
    ("GET", f"{HEALTH}?odd=1", 400, {}),
    ("POST", "/api/v1/doctors/admin/add", 401, {"content": b"{", "headers": JSON}),
    ("POST", "/logout", 303, {}),
    ("GET", "/metrics", 200, {}),
    ("GET", "/health/live", 200, {}),
    ("GET", "/problems/not_found", 200, {}),
    ("GET", "/schema/openapi.json", 200, {}),
]


@pytest.mark.parametrize(("method", "path", "status", "options"), ANSWERS)
async def test_every_answer_is_neither_sniffed_framed_cached_nor_loaded(
    listed: RunningApplication, method: str, path: str, status: int, options: dict[str, Any]
) -> None:
    async with listed.client() as client:
        answer = await client.request(method, path, **options)
    assert answer.status_code == status
    has_own_policy = path.startswith("/schema") or answer.headers.get("Content-Type", "").startswith("text/html")
    expected = {name: value for name, value in API.items() if not (has_own_policy and name.startswith("Content-Sec"))}
    assert {name: answer.headers.get(name) for name in expected} == expected
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert len(answer.headers.get_list("Content-Security-Policy")) == 1
    assert "Server" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/login", "/schema", "/schema/swagger"])
async def test_pages_have_a_policy_of_their_own_and_the_rest_in_common(listed: RunningApplication, path: str) -> None:
    async with listed.client({"Accept": "text/html"}) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    others = {name: value for name, value in API.items() if name != "Content-Security-Policy"}
    assert {name: answer.headers.get(name) for name in others} == others


async def test_a_refusal_for_want_of_room_says_all_that_too(listed: RunningApplication) -> None:
    async with listed.client({"Origin": ORIGIN}) as client:
        answers = await asyncio.gather(*(client.get("/api/v1/health?verbose=true") for _ in range(20)))
        metrics = (await client.get("/metrics")).text
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused, "one at a time is served"
    assert f'_count{{method="GET",plugin="",route="",status="503"}} {len(refused)}.0' in metrics
    for answer in refused:
        assert {name: answer.headers.get(name) for name in API} == API
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "Retry-After" in answer.headers
        assert "X-Request-Id" in answer.headers


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (PUBLIC, 303),
        (ORIGIN, 303),
        ("http://api.example.com", 403),
        ("https://api.example.com.evil.org", 403),
        ("https://evil.org", 403),
        ("null", 403),
        (None, 403),
    ],
)
async def test_a_cookie_changes_something_only_for_pages_of_ours(
    listed: RunningApplication, origin: str | None, status: int
) -> None:
    async with listed.client({"Host": "api.example.com"}) as client:
        signed_in = await client.post(
            "/login", data={"key": admin_key(listed.services.config)}, headers={"Origin": PUBLIC}
        )
        cookie = signed_in.headers["Set-Cookie"]
        assert cookie.startswith("__Host-hexastar-console=")
        assert {part.strip().lower() for part in cookie.split(";")[1:]} >= {
            "secure",
            "httponly",
            "samesite=lax",
            "path=/",
        }
        assert "domain" not in cookie.lower()
        shown = {"Cookie": cookie.partition(";")[0]}
        answer = await client.post("/logout", headers={**shown, **({"Origin": origin} if origin else {})})
    assert answer.status_code == status
    listed.reset()
