"""One test for each weakness that was published of Litestar, or found in it: it is not here, whatever the version."""

import re
from pathlib import Path
from typing import Any

import pytest
from litestar import get, post
from litestar.datastructures import UploadFile
from litestar.params import JSONBody, MultipartBody
from litestar.stores.file import FileStore

from core.auth import PUBLIC
from core.config.settings import HttpSettings
from core.http.cors import Cors
from core.http.headers import AllowedHosts, TrustedProxies
from core.http.problem_types import ALL
from core.http.problems import ProblemRegistry

ROOT = Path(__file__).parents[2]
SOURCES = [path for part in ("core", "adapters", "plugins", "ports") for path in (ROOT / part).rglob("*.py")]
JSON = {"Content-Type": "application/json"}


@get("/api/v1/here", access=PUBLIC)
async def here() -> dict[str, bool]:
    return {"here": True}


@post("/api/v1/here", access=PUBLIC, idempotency="none")
async def take(data: JSONBody[dict[str, Any]]) -> int:
    return len(data)


@post("/api/v1/files", access=PUBLIC, idempotency="none")
async def files(data: MultipartBody[list[UploadFile]]) -> int:
    return len(data)


@pytest.fixture
async def client(build_app: Any, client_of: Any) -> Any:
    http = HttpSettings(allowed_hosts=("testserver",))
    async with client_of(build_app(here, take, files, http=http, request_max_body_size=10_000)) as client:
        yield client


def scope(*headers: tuple[bytes, bytes], client: str = "203.0.113.9", version: str = "1.1") -> Any:
    return {
        "type": "http", "method": "GET", "path": "/api/v1/here", "raw_path": b"/api/v1/here", "query_string": b"",
        "headers": list(headers), "client": (client, 1), "server": ("t", 80), "scheme": "http", "root_path": "",
        "http_version": version, "asgi": {"version": "3.0"}, "state": {},
    }  # fmt: skip


def imported(name: str) -> list[str]:
    statement = re.compile(rf"^\s*(from|import)\s.*{name}", re.MULTILINE)
    return [str(path) for path in SOURCES if statement.search(path.read_text("utf-8"))]


async def answered(app: Any, asked: Any, *messages: Any) -> tuple[int, bytes, int]:
    """Return status and body of the answer to a bare ASGI request, and how many of its messages were read."""
    sent: list[Any] = []
    waiting = list(messages)

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await app(asked, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], body, len(messages) - len(waiting)


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded"])
@pytest.mark.parametrize("networks", [(), ("10.0.0.0/8",)])
def test_forwarding_headers_of_strangers_do_not_move_them_past_a_limit(header: bytes, networks: Any) -> None:
    """CVE-2025-59152: a limit that counts by a header that anybody may write counts nothing."""
    proxies = TrustedProxies(networks, header.decode())
    counted = set()
    for number in range(100):
        asked = scope((header, b"for=198.51.100.%d" % number), (b"x-real-ip", b"198.51.100.%d" % number))
        proxies.settle(asked)
        counted.add(asked["client"][0])
    assert counted == {"203.0.113.9"}


@pytest.mark.parametrize("origin", [b"https://appXexample.com", b"https://app.example.com.evil.org", b"null", b""])
async def test_an_allowed_origin_is_no_pattern(build_app: Any, origin: bytes) -> None:
    """CVE-2026-25478: a dot in an allowed origin stood for any character."""
    app = Cors(build_app(here), ["https://app.example.com"], ProblemRegistry(ALL))
    heads: list[Any] = []

    async def send(message: Any) -> None:
        heads.append(message)

    await app(scope((b"host", b"t"), (b"origin", origin)), None, send)  # type: ignore[arg-type]
    assert b"access-control-allow-origin" not in dict(heads[0]["headers"])


@pytest.mark.parametrize(
    "host", [b"appXexample.com", b"app.example.com.evil.org", b"evilapp.example.com", b"wwwXcdn.org"]
)
def test_an_allowed_host_is_no_pattern(host: bytes) -> None:
    """CVE-2026-25479: a dot in an allowed host stood for any character."""
    hosts = AllowedHosts(["app.example.com", "*.cdn.org"])
    assert not hosts.accepts(scope((b"host", host)))
    assert hosts.accepts(scope((b"host", b"www.cdn.org")))


def test_no_store_in_files_whose_keys_could_collide(app_of_the_house: Any) -> None:
    """CVE-2026-25480: names of two keys could be one file's. There is no such store here."""
    assert imported("FileStore") == []
    assert not any(isinstance(store, FileStore) for store in app_of_the_house.stores._stores.values())


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_forwarded_host_does_not_stand_in_for_a_missing_host(build_app: Any, version: str) -> None:
    """CVE-2026-48061: without Host, X-Forwarded-Host was compared with the allowed hosts."""
    app = build_app(here, http=HttpSettings(allowed_hosts=("testserver",)))
    status, body, _ = await answered(app, scope((b"x-forwarded-host", b"testserver"), version=version))
    assert (status, b"invalid_host" in body) == (400, True)


def test_no_form_field_is_made_of_a_cookie(app_of_the_house: Any) -> None:
    """The field that carries a CSRF token took the cookie's text as HTML. Forms here are told by their origin."""
    assert app_of_the_house.csrf_config is None
    templates = [path for part in ("core", "plugins") for path in (ROOT / part).rglob("*.html")]
    assert templates
    assert [str(path) for path in templates if "csrf_input" in path.read_text("utf-8")] == []


def test_no_token_is_decoded_by_what_trips_over_a_missing_claim() -> None:
    """A JWT without a claim answered 500. Litestar's JWT is not used."""
    assert imported(r"litestar\.security") == []


def test_no_limit_reads_before_it_writes() -> None:
    """Litestar's limiter reads a count, then stores it, so that requests at once all pass. It is not used."""
    assert imported(r"litestar\.middleware\.rate_limit") == []


@pytest.mark.parametrize("length", [b"10001", b"99999999999999999999"])
async def test_a_body_that_says_that_it_is_too_large_is_not_read(build_app: Any, length: bytes) -> None:
    """The limit was not looked at where a Content-Length was given."""
    app = build_app(take, request_max_body_size=10_000)
    asked = scope((b"host", b"t"), (b"content-type", b"application/json"), (b"content-length", length))
    message = {"type": "http.request", "body": b"x", "more_body": True}
    status, _, read = await answered(app, {**asked, "method": "POST"}, message, message)
    assert (status, read) == (413, 0)


async def test_a_body_that_is_larger_than_it_says_is_cut(build_app: Any) -> None:
    app = build_app(take, request_max_body_size=10_000)
    asked = scope((b"host", b"t"), (b"content-type", b"application/json"), (b"transfer-encoding", b"chunked"))
    message = {"type": "http.request", "body": b"x" * 4_000, "more_body": True}
    status, _, read = await answered(app, {**asked, "method": "POST"}, *[message] * 100)
    assert (status, read) == (413, 3)


@pytest.mark.parametrize(
    "hosts",
    [[b""], [b"a b"], [b"t/../x"], [b"t?x"], [b"t#x"], [b"user@t"], [b"t:port"], [b"t:99999"], [b"[::1"], [b"\xff"],
     [b"t\x00"], [b"t", b"t"], [b"t" * 300], []],
)  # fmt: skip
async def test_a_malformed_host_is_refused(build_app: Any, hosts: list[bytes]) -> None:
    """What Starlette's CVE-2026-48710 was about; and a port that is none failed in building an address, with 500."""
    status, body, _ = await answered(build_app(here), scope(*[(b"host", host) for host in hosts]))
    assert (status, b"invalid_host" in body) == (400, True)


@pytest.mark.parametrize("host", [b"t", b"T.Example:80", b"127.0.0.1:8000", b"[::1]:8000", b"[2001:db8::1]", b"t:"])
async def test_a_host_is_a_name_or_an_address_with_or_without_a_port(build_app: Any, host: bytes) -> None:
    assert (await answered(build_app(here), scope((b"host", host))))[0] == 200


@pytest.mark.parametrize("path", ["/../pyproject.toml", "/%2e%2e/pyproject.toml", "/schema/../../etc/passwd", "//etc"])
async def test_no_path_leads_to_a_file(app_of_the_house: Any, client_of: Any, path: str) -> None:
    """CVE-2024-32982: static files served what lay beside their folder. None are served."""
    assert imported("static_files") == []
    async with client_of(app_of_the_house) as client:
        request = client.build_request("GET", "http://testserver/")
        request.url = request.url.copy_with(raw_path=path.encode())
        assert (await client.send(request)).status_code == 404


async def test_a_form_is_bounded_in_parts_and_as_a_whole(client: Any) -> None:
    """CVE-2024-52581: parts were limited each, and not altogether. M14: 1 001 parts answered 400."""
    many = await client.post("/api/v1/files", files=[("f", ("a", b""))] * 1001)
    large = await client.post("/api/v1/files", files=[("f", ("a", b"x" * 11_000))])
    assert (many.status_code, large.status_code) == (413, 413)


async def test_many_parts_within_the_size_are_too_many(build_app: Any, client_of: Any) -> None:
    async with client_of(build_app(files)) as client:
        answer = await client.post("/api/v1/files", files=[("f", ("a", b""))] * 1001)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
        answer = await client.post("/api/v1/files", files=[("f", ("a", b""))] * 1000)
        assert answer.status_code == 201


@pytest.mark.parametrize("depth", [65, 999, 1000, 1001, 5000])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
async def test_nesting_is_the_clients_fault_at_any_depth(client: Any, depth: int, brackets: Any) -> None:
    """M13: JSON nested 1 000 deep answered 500."""
    content = b'{"a":' + brackets[0] * depth + b"1" + brackets[1] * depth + b"}"
    answer = await client.post("/api/v1/here", content=content, headers=JSON)
    assert answer.status_code in {400, 413}
    assert answer.json()["code"] in {"malformed_json", "payload_too_large"}


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "multipart/form-data"}, {"Content-Type": "multipart/x"}])
async def test_a_form_without_boundary_or_body_is_the_clients_fault(client: Any, headers: Any) -> None:
    """M13: it answered 500."""
    for content in (b"", b"x", b"--\r\n"):
        assert (await client.post("/api/v1/files", content=content, headers=headers)).status_code == 400


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, gzip", "x", "GZIP"])
async def test_a_compressed_body_is_not_taken(client: Any, encoding: str) -> None:
    answer = await client.post("/api/v1/here", content=b"{}", headers={**JSON, "Content-Encoding": encoding})
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "identity")
    answer = await client.post("/api/v1/here", content=b"{}", headers={**JSON, "Content-Encoding": "identity"})
    assert answer.status_code == 201


async def test_options_and_405_tell_the_same_methods(client: Any) -> None:
    """M14: OPTIONS left out what 405 listed."""
    options, refused = await client.options("/api/v1/here"), await client.delete("/api/v1/here")
    assert options.headers["Allow"] == refused.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.fixture(scope="module")
def app_of_the_house(hexastar_config: Path, hexastar_environ: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from core.application import build_application
    from core.composition import compose

    environ = {**hexastar_environ, "HEXASTAR__STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    return build_application(compose(hexastar_config, environ))
