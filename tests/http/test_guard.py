"""What is settled before a request is routed: host, client, HEAD, OPTIONS, the pace of bodies, standard headers."""

import asyncio
from typing import Any

import httpx
import pytest
from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody

from core.auth import PUBLIC
from core.config.settings import HttpSettings
from core.http.body_limits import BodyDeadlines, within_deadlines


@get("/api/v1/things", access=PUBLIC)
async def things(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    return Response({"client": request.scope["client"][0]}, headers={"ETag": '"1"'})


@post("/api/v1/things", access=PUBLIC)
async def add(data: JSONBody[dict[str, Any]]) -> int:
    return len(data)


@get("/api/v1/things/{number:int}", access=PUBLIC)
async def by_number(number: FromPath[int]) -> int:
    return number


@post("/api/v1/things/{name:str}", access=PUBLIC)
async def by_name(name: FromPath[str]) -> str:
    return name


def client_for(build_app: Any, client_of: Any, **settings: Any) -> Any:
    return client_of(build_app(things, add, by_number, by_name, http=HttpSettings(**settings)))


async def test_head_is_get_without_a_body(build_app: Any, client_of: Any) -> None:
    async with client_for(build_app, client_of) as client:
        got, head = await client.get("/api/v1/things"), await client.head("/api/v1/things")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers == got.headers


@pytest.mark.parametrize("path", ["/api/v1/things", "/api/v1/nowhere"])
async def test_a_server_sees_a_head_request_end_as_one(build_app: Any, path: str) -> None:
    """uvicorn holds what is sent against Content-Length, unless the request is a HEAD by then."""
    scope: dict[str, Any] = {
        "type": "http", "method": "HEAD", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "client": ("127.0.0.1", 1), "server": ("testserver", 80), "scheme": "http", "http_version": "1.1",
    }  # fmt: skip
    ends: list[tuple[str, bytes]] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            ends.append((scope["method"], message["body"]))

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    await build_app(things)(scope, receive, send)
    assert ends == [("HEAD", b"")]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/api/v1/things", "GET, HEAD, OPTIONS, POST"), ("/api/v1/things/1", "GET, HEAD, OPTIONS, POST")],
)
async def test_options_and_405_allow_the_same(build_app: Any, client_of: Any, path: str, allowed: str) -> None:
    async with client_for(build_app, client_of) as client:
        options, refused = await client.options(path), await client.patch(path)
    assert (options.status_code, refused.status_code) == (204, 405)
    assert options.headers["Allow"] == refused.headers["Allow"] == allowed


async def test_a_host_that_is_not_listed_is_refused(build_app: Any, client_of: Any) -> None:
    async with client_for(build_app, client_of, allowed_hosts=("testserver",)) as client:
        assert (await client.get("/api/v1/things")).status_code == 200
        refused = await client.get("/api/v1/things", headers={"Host": "evil.com"})
    assert refused.status_code == 400
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "invalid_host"


async def test_the_clients_address_comes_from_trusted_proxies_only(build_app: Any, client_of: Any) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    async with client_for(build_app, client_of) as client:
        assert (await client.get("/api/v1/things", headers=forwarded)).json()["client"] == "127.0.0.1"
    async with client_for(build_app, client_of, trusted_proxies=("127.0.0.0/8",)) as client:
        assert (await client.get("/api/v1/things", headers=forwarded)).json()["client"] == "203.0.113.7"


@get("/api/v1/address", access=PUBLIC)
async def address(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"scheme": request.url.scheme, "host": request.url.netloc}


@pytest.mark.parametrize(
    ("settings", "headers", "scheme"),
    [
        ({}, {"X-Forwarded-Proto": "https"}, "http"),
        ({}, {"Forwarded": "for=1.1.1.1;proto=https"}, "http"),
        ({"trusted_proxies": ("127.0.0.0/8",)}, {"X-Forwarded-Proto": "https"}, "https"),
        ({"trusted_proxies": ("127.0.0.0/8",)}, {"X-Forwarded-Proto": "https, http"}, "http"),
        ({"trusted_proxies": ("127.0.0.0/8",)}, {"X-Forwarded-Proto": "javascript"}, "http"),
        ({"trusted_proxies": ("127.0.0.0/8",)}, {"Forwarded": "for=1.1.1.1;proto=https"}, "http"),
        (
            {"trusted_proxies": ("127.0.0.0/8",), "forwarded_header": "forwarded"},
            {"Forwarded": "for=1.1.1.1;Proto=HTTPS", "X-Forwarded-Proto": "http"},
            "https",
        ),
        ({"trusted_proxies": ("192.0.2.0/24",)}, {"X-Forwarded-Proto": "https"}, "http"),
    ],
)
async def test_the_scheme_comes_from_trusted_proxies_and_the_host_from_none(
    build_app: Any, client_of: Any, settings: Any, headers: dict[str, str], scheme: str
) -> None:
    async with client_of(build_app(address, http=HttpSettings(**settings))) as client:
        answer = await client.get("/api/v1/address", headers={**headers, "X-Forwarded-Host": "evil.example"})
    assert answer.json() == {"scheme": scheme, "host": "testserver"}


class Trickle(httpx.AsyncByteStream):
    """A body that arrives in the chunks that it is given, and then no further."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks

    async def __aiter__(self) -> Any:
        for chunk in self.chunks:
            yield chunk
        await asyncio.Event().wait()


@pytest.mark.parametrize("settings", [{"body_chunk_timeout": 0.05}, {"body_timeout": 0.05}])
@pytest.mark.parametrize("framing", [{"Content-Length": "100"}, {"Transfer-Encoding": "chunked"}])
async def test_a_body_that_stalls_is_cut_off_by_whichever_deadline_comes_first(
    build_app: Any, client_of: Any, settings: Any, framing: Any
) -> None:
    async with asyncio.timeout(10), client_for(build_app, client_of, **settings) as client:
        headers = {"Content-Type": "application/json", **framing}
        answer = await client.post("/api/v1/things", content=Trickle(b'{"a":'), headers=headers)
    assert answer.status_code == 408
    assert answer.json()["code"] == "request_timeout"
    assert answer.headers["Connection"] == "close"


async def test_bytes_that_have_arrived_buy_time_for_the_rest() -> None:
    chunks = iter([(b"x" * 100, True), (b"end", False)])

    async def receive() -> Any:
        body, more = next(chunks)
        if not more:
            await asyncio.sleep(0)  # long enough for a deadline that has passed
            await asyncio.sleep(0)
        return {"type": "http.request", "body": body, "more_body": more}

    timed = within_deadlines(receive, BodyDeadlines(chunk=60.0, total=0.0, minimum_rate=1))
    await timed()
    assert (await timed())["body"] == b"end"


async def test_a_client_that_leaves_while_it_sends_is_no_failure_of_ours(build_app: Any) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"t"), (b"content-type", b"application/json"), (b"content-length", b"9")]
    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": "/api/v1/things", "raw_path": b"/api/v1/things", "query_string": b"",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("t", 80), "scheme": "http", "root_path": "",
        "http_version": "1.1", "asgi": {"version": "3.0"},
    }  # fmt: skip
    await build_app(add)(scope, receive, send)
    assert sent[0]["status"] == 400
