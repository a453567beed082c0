"""What hostile and broken clients send: requests as bytes, by name, for any route.

An attack is made for a method and a path. Those on the body need a method that takes one. `BY_THE_SERVER` names those
that a server may answer, or refuse, before the application sees a request.
"""

import gzip
import json
from collections.abc import Callable
from typing import Final, NamedTuple

from tests.faults.kit.raw_http import Headers, chunk, request

JSON: Final = {"Content-Type": "application/json"}
Make = Callable[[str, str], bytes]


class Attack(NamedTuple):
    """One way to be a bad client."""

    name: str
    make: Make
    by_the_server: bool = False


def _body(name: str, body: bytes, headers: Headers = JSON) -> Attack:
    return Attack(f"body: {name}", lambda method, path: request(method, path, headers, body))


def _typed(name: str, *headers: tuple[str, str | bytes], body: bytes = b"{}", by_the_server: bool = False) -> Attack:
    return _body(name, body, headers)._replace(by_the_server=by_the_server)


def _headers(name: str, *headers: tuple[str | bytes, str | bytes], by_the_server: bool = False) -> Attack:
    return Attack(f"header: {name}", lambda method, path: request(method, path, headers), by_the_server)


def _target(name: str, change: Callable[[str], str | bytes], *, by_the_server: bool = False) -> Attack:
    return Attack(f"target: {name}", lambda method, path: request(method, change(path)), by_the_server)


def _host(name: str, *hosts: str | bytes, by_the_server: bool = False) -> Attack:
    headers = [("Host", host) for host in hosts]
    return Attack(f"host: {name}", lambda method, path: request(method, path, headers, host=None), by_the_server)


def _framing(name: str, *headers: tuple[str, str | bytes], body: bytes = b"{}", by_the_server: bool = True) -> Attack:
    pairs = [("Content-Type", "application/json"), *headers]
    return Attack(f"framing: {name}", lambda method, path: request(method, path, pairs) + body, by_the_server)


def _method(name: str | bytes, *, by_the_server: bool = False) -> Attack:
    label = name[:12].decode("latin-1") if isinstance(name, bytes) else name[:12]
    return Attack(f"method: {label!r}", lambda _, path: request(name, path), by_the_server)


def _field(value: str) -> bytes:
    return b'{"a": ' + value.encode() + b"}"


BODIES: Final = (
    _body("none at all", b""),
    _body("arrays nested 100 000 deep", b"[" * 100_000),
    _body("objects nested 100 000 deep", b'{"a":' * 100_000),
    _body("nested 100 000 deep and closed", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    _body("a key of 1 MB", b'{"' + b"k" * 1_000_000 + b'": 1}'),
    _body("duplicate keys", b'{"a": 1, "a": 2}'),
    _body("NaN", _field("NaN")),
    _body("Infinity", _field("Infinity")),
    _body("minus Infinity", _field("-Infinity")),
    _body("a lone high surrogate", _field(r'"\ud800"')),
    _body("a lone low surrogate in a key", rb'{"\udc00": 1}'),
    _body("a NUL", _field(r'"\u0000"')),
    _body("a NUL in a key", rb'{"\u0000": 1}'),
    _body("a raw NUL", b'{"a": "\x00"}'),
    _body("a raw line break in a string", b'{"a": "\n"}'),
    _body("int64 + 1", _field("9223372036854775808")),
    _body("int64 - 1", _field("-9223372036854775809")),
    _body("1e400", _field("1e400")),
    _body("1e999999999", _field("1e999999999")),
    _body("an integer of 1 000 000 digits", _field("9" * 1_000_000)),
    _body("a fraction of 1 000 000 digits", _field("0." + "9" * 1_000_000)),
    _body("minus zero", _field("-0")),
    _body("invalid UTF-8", b'{"a": "\xff\xfe"}'),
    _body("overlong UTF-8", b'{"a": "\xc0\xaf"}'),
    _body("UTF-8 of a surrogate", b'{"a": "\xed\xa0\x80"}'),
    _body("a byte order mark", b'\xef\xbb\xbf{"a": 1}'),
    _body("UTF-16", '{"a": 1}'.encode("utf-16")),
    _body("an array", b"[]"),
    _body("null", b"null"),
    _body("a string", b'"x"'),
    _body("a number", b"1"),
    _body("two documents", b"{}{}"),
    _body("a trailing comma", b'{"a": 1,}'),
    _body("single quotes", b"{'a': 1}"),
    _body("garbage", bytes(range(256))),
    _body("100 000 unknown keys", json.dumps({f"k{n}": n for n in range(100_000)}).encode()),
    _body("a prototype", b'{"__proto__": {}, "__class__": "x", "constructor": 1}'),
    _body("XML", b'<!DOCTYPE x [<!ENTITY a "a">]><x>&a;</x>'),
)

MEDIA_TYPES: Final = (
    _typed("no Content-Type"),
    _typed("an empty Content-Type", ("Content-Type", "")),
    _typed("a garbage Content-Type", ("Content-Type", "\x7f;;;=/\\\"'"), by_the_server=True),
    _typed("a Content-Type of bytes", ("Content-Type", b"application/\xff\xfe")),
    _typed("two Content-Types", ("Content-Type", "application/json"), ("Content-Type", "text/plain")),
    _typed("two Content-Types, the other way", ("Content-Type", "text/plain"), ("Content-Type", "application/json")),
    _typed("a charset that is none", ("Content-Type", "application/json; charset=klingon")),
    _typed("UTF-16 as charset", ("Content-Type", "application/json; charset=utf-16")),
    _typed("text/plain", ("Content-Type", "text/plain")),
    _typed("a Content-Type of 60 KB", ("Content-Type", "application/" + "x" * 60_000)),
    _typed("a form", ("Content-Type", "application/x-www-form-urlencoded"), body=b"a=1&a=2&%00=%ff"),
    _typed("a form without boundary", ("Content-Type", "multipart/form-data"), body=b"x"),
    _typed("a form that is none", ("Content-Type", "multipart/form-data; boundary=a"), body=b"--b\r\n"),
    _typed("gzip", ("Content-Encoding", "gzip"), *JSON.items(), body=gzip.compress(b"{}")),
    _typed("a gzip bomb", ("Content-Encoding", "gzip"), *JSON.items(), body=gzip.compress(bytes(50_000_000))),
    _typed("an encoding that is none", ("Content-Encoding", "x-y"), *JSON.items()),
    _typed("two encodings", ("Content-Encoding", "gzip, br"), *JSON.items()),
    _typed("gzip that is not announced", *JSON.items(), body=gzip.compress(b"{}")),
)

FRAMING: Final = (
    _framing("a chunked body", ("Transfer-Encoding", "chunked"), body=chunk(b"{}") + chunk(b""), by_the_server=False),
    _framing("both lengths", ("Content-Length", "2"), ("Transfer-Encoding", "chunked"), body=chunk(b"{}") + chunk(b"")),
    _framing("a chunk size of garbage", ("Transfer-Encoding", "chunked"), body=b"zz\r\n{}\r\n0\r\n\r\n"),
    _framing("a negative chunk size", ("Transfer-Encoding", "chunked"), body=b"-2\r\n{}\r\n0\r\n\r\n"),
    _framing("a huge chunk size", ("Transfer-Encoding", "chunked"), body=b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n"),
    _framing("an endless chunk extension", ("Transfer-Encoding", "chunked"), body=b"2;" + b"x" * 200_000),
    _framing("endless trailers", ("Transfer-Encoding", "chunked"), body=b"0\r\n" + b"a: b\r\n" * 50_000 + b"\r\n"),
    _framing("a chunk without its end", ("Transfer-Encoding", "chunked"), body=b"2\r\n{}xx0\r\n\r\n"),
    _framing("an unknown coding", ("Transfer-Encoding", "rot13")),
    _framing("chunked twice", ("Transfer-Encoding", "chunked, chunked"), body=chunk(b"{}") + chunk(b"")),
    _framing("an obscured chunked", ("Transfer-Encoding", "\x0bchunked"), body=chunk(b"{}") + chunk(b"")),
    _framing("two equal lengths", ("Content-Length", "2"), ("Content-Length", "2")),
    _framing("two lengths", ("Content-Length", "2"), ("Content-Length", "3")),
    _framing("a list of lengths", ("Content-Length", "2, 2")),
    _framing("a negative length", ("Content-Length", "-1")),
    _framing("a signed length", ("Content-Length", "+2")),
    _framing("a huge length", ("Content-Length", "9" * 30)),
    _framing("a length of no digits", ("Content-Length", "two")),
    _framing("a hexadecimal length", ("Content-Length", "0x2")),
    _framing("an empty length", ("Content-Length", "")),
    _framing("a length over the limit", ("Content-Length", "3000000"), by_the_server=False),
    _framing("Expect", ("Content-Length", "2"), ("Expect", "100-continue"), by_the_server=False),
    _framing("an unknown Expect", ("Content-Length", "2"), ("Expect", "a miracle"), by_the_server=False),
)

METHODS: Final = (
    _method("FOO", by_the_server=True),
    _method("get", by_the_server=True),
    _method("TRACE"),
    _method("PATCH"),
    _method("PURGE"),
    _method("PROPFIND"),
    _method("OPTIONS"),
    _method("HEAD"),
    _method("A" * 10_000, by_the_server=True),
    _method(b"G\xcbT", by_the_server=True),
    _method(b"G\x00T", by_the_server=True),
    _method("", by_the_server=True),
    Attack("method: CONNECT", lambda _m, _p: request("CONNECT", "evil.com:443"), by_the_server=True),
    Attack("method: CONNECT to a path", lambda _m, path: request("CONNECT", path), by_the_server=True),
    Attack("method: OPTIONS *", lambda _m, _p: request("OPTIONS", "*"), by_the_server=True),
)

TARGETS: Final = (
    _target("a trailing slash", lambda path: path + "/"),
    _target("a slash before", lambda path: "/" + path),
    _target("slashes doubled", lambda path: path.replace("/", "//")),
    _target("a hundred slashes", lambda path: "/" * 100 + path),
    _target("dots", lambda path: "/x/.." + path),
    _target("dots above the root", lambda path: "/../.." + path),
    _target("encoded dots", lambda path: "/%2e%2e/%2e%2e" + path),
    _target("encoded slashes", lambda path: path[0] + path[1:].replace("/", "%2F")),
    _target("an encoded slash before", lambda path: "/%2f" + path[1:]),
    _target("backslashes", lambda path: path.replace("/", "\\"), by_the_server=True),
    _target("an encoded NUL", lambda path: path + "%00"),
    _target("a raw NUL", lambda path: path.encode() + b"\x00", by_the_server=True),
    _target("raw bytes", lambda path: path.encode() + b"\xff", by_the_server=True),
    _target("upper case", lambda path: path.upper()),
    _target("invalid UTF-8", lambda path: path + "/%ff%fe"),
    _target("an encoded surrogate", lambda path: path + "/%ed%a0%80"),
    _target("a broken escape", lambda path: path + "/%zz%"),
    _target("a double escape", lambda path: path + "/%252e%252e%252f"),
    _target("an encoded line break", lambda path: path + "%0d%0aX-Injected:%20yes"),
    _target("a semicolon", lambda path: path + ";jsessionid=1"),
    _target("10 000 bytes more", lambda path: path + "/" + "a" * 10_000),
    _target("1 000 000 bytes more", lambda path: path + "/" + "a" * 1_000_000, by_the_server=True),
    _target("10 000 segments", lambda path: path + "/a" * 10_000),
    _target("a fragment", lambda path: path + "#top", by_the_server=True),
    _target("absolute", lambda path: "http://t" + path, by_the_server=True),
    _target("absolute, another host", lambda path: "http://evil.com" + path, by_the_server=True),
    _target("absolute, without path", lambda _: "http://evil.com", by_the_server=True),
    _target("absolute, another scheme", lambda path: "ftp://evil.com" + path, by_the_server=True),
    _target("without slash", lambda path: path[1:] or "x", by_the_server=True),
    _target("empty", lambda _: "", by_the_server=True),
    _target("a space", lambda path: path + " x", by_the_server=True),
    _target("an empty query", lambda path: path + "?"),
    _target("an unknown parameter", lambda path: path + "?surely_unknown=1"),
    _target("a NUL in the query", lambda path: path + "?a=%00"),
    _target("a NUL as a name", lambda path: path + "?%00=1"),
    _target("a broken escape in the query", lambda path: path + "?a=%zz&%=%"),
    _target("invalid UTF-8 in the query", lambda path: path + "?a=%ff%fe"),
    _target("a surrogate in the query", lambda path: path + "?a=%ed%a0%80"),
    _target("raw bytes in the query", lambda path: path.encode() + b"?a=\xff", by_the_server=True),
    _target("a query of separators", lambda path: path + "?" + "&" * 1000),
    _target(
        "10 000 parameters", lambda path: path + "?" + "&".join(f"p{n}=1" for n in range(10_000)), by_the_server=True
    ),
    _target("one parameter 1 000 times", lambda path: path + "?" + "&".join(["limit=1"] * 1_000)),
    _target("a query of 50 KB", lambda path: path + "?a=" + "b" * 50_000),
    _target("parameters of other languages", lambda path: path + "?a[]=1&a[b]=2&__proto__[x]=1&a.b=3"),
)

HOSTS: Final = (
    _host("none", by_the_server=True),
    _host("empty", "", by_the_server=True),
    _host("evil.com", "evil.com"),
    _host("garbage", "a b<>\"'`{}|^", by_the_server=True),
    _host("bytes", b"\xff\xfe.com", by_the_server=True),
    _host("twice", "t", "evil.com", by_the_server=True),
    _host("with credentials", "t@evil.com", by_the_server=True),
    _host("with a path", "t/../x", by_the_server=True),
    _host("with a port that is none", "t:port", by_the_server=True),
    _host("with a huge port", "t:99999999", by_the_server=True),
    _host("an open bracket", "[::1", by_the_server=True),
    _host("of 10 000 bytes", "t" * 10_000),
)

HEADERS: Final = (
    _headers("100 000 characters", ("X-Long", "x" * 100_000), by_the_server=True),
    _headers("a name of 100 000 characters", ("x" * 100_000, "1"), by_the_server=True),
    _headers("10 000 of them", *((f"X-{n}", "1") for n in range(10_000)), by_the_server=True),
    _headers("10 000 times the same", *(("X-Same", "1") for _ in range(10_000)), by_the_server=True),
    _headers("a cookie of 64 KB", ("Cookie", "a=" + "x" * 65_000), by_the_server=True),
    _headers("10 000 cookies", ("Cookie", "; ".join(f"c{n}=1" for n in range(10_000))), by_the_server=True),
    _headers("a broken cookie", ("Cookie", '=;;;="; a; b=\xff; hexastar_session=\x7f'), by_the_server=True),
    _headers("a NUL", ("X-Nul", "a\x00b"), by_the_server=True),
    _headers("bytes", ("X-Bytes", b"\xff\xfe\x80")),
    _headers("an obsolete fold", ("X-Fold", "a\r\n b"), by_the_server=True),
    _headers("a bare line feed", ("X-Feed", "a\nX-Injected: yes"), by_the_server=True),
    _headers("a bare carriage return", ("X-Return", "a\rb"), by_the_server=True),
    _headers("a space before the colon", ("X-Space ", "1"), by_the_server=True),
    _headers("an empty name", ("", "1"), by_the_server=True),
    _headers("a name of bytes", (b"X-\xff", "1"), by_the_server=True),
    _headers("a name with a space", ("X Y", "1"), by_the_server=True),
    _headers("X-Forwarded-Host", ("X-Forwarded-Host", "evil.com")),
    _headers("X-Forwarded-Proto", ("X-Forwarded-Proto", "javascript")),
    _headers("X-Forwarded-For", ("X-Forwarded-For", "203.0.113.7, garbage, \xff")),
    _headers("Forwarded", ("Forwarded", 'for="[2001:db8::1]:80";host=evil.com;proto=x, for=_hidden')),
    _headers("X-Original-URL", ("X-Original-URL", "/metrics"), ("X-Rewrite-URL", "/metrics")),
    _headers("X-HTTP-Method-Override", ("X-HTTP-Method-Override", "DELETE")),
    _headers("a key of bytes", ("X-API-Key", b"\xff\xfe\x80")),
    _headers("an empty key", ("X-API-Key", "")),
    _headers("a scheme that is none", ("Authorization", "Klingon batlh")),
    _headers("an empty Authorization", ("Authorization", "")),
    _headers("a Bearer of bytes", ("Authorization", b"Bearer \xff\xfe")),
    _headers("a Basic that is none", ("Authorization", "Basic %%%")),
    _headers("an Accept that is none", ("Accept", "///;;;q=x,,\xff")),
    _headers("nothing acceptable", ("Accept", "image/png")),
    _headers("a quality that is none", ("Accept", "text/html;q=1e999, */*;q=nan")),
    _headers("a huge Accept", ("Accept", ", ".join(f"a/b{n};q=0.{n % 10}" for n in range(1500)))),
    _headers("a traceparent that is none", ("traceparent", "00-zz-\xff"), ("tracestate", "=,=;")),
    _headers("a request id that is none", ("X-Request-Id", "\xff" * 200)),
    _headers("an Idempotency-Key of bytes", ("Idempotency-Key", b"\xff")),
    _headers("an Idempotency-Key of 10 000", ("Idempotency-Key", "k" * 10_000)),
    _headers("two Idempotency-Keys", ("Idempotency-Key", "a"), ("Idempotency-Key", "b")),
    _headers("an If-Match that is none", ("If-Match", '"\xff, W/, *')),
    _headers("a Range", ("Range", "bytes=0-0,-1,9999999999999-")),
    _headers("an Origin that is none", ("Origin", "\xff://")),
    _headers("null as Origin", ("Origin", "null")),
    _headers("a websocket", ("Upgrade", "websocket"), ("Connection", "Upgrade"),
             ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), by_the_server=True),
    _headers("an upgrade to anything", ("Upgrade", "h2c, foo"), ("Connection", "Upgrade, HTTP2-Settings")),
    _headers("a garbage Connection", ("Connection", "\xff, close, keep-alive")),
    _headers("a language that is none", ("Accept-Language", "\xff;q=9")),
    _headers("Prefer", ("Prefer", "code=999; \xff, wait=x")),
)  # fmt: skip

OTHERS: Final = (
    Attack("version: 1.0", lambda method, path: f"{method} {path} HTTP/1.0\r\n\r\n".encode()),
    Attack("version: 0.9", lambda _, path: f"GET {path}\r\n".encode(), by_the_server=True),
    Attack(
        "version: 9.9", lambda method, path: f"{method} {path} HTTP/9.9\r\nHost: t\r\n\r\n".encode(), by_the_server=True
    ),
    Attack("version: 2 without negotiation", lambda *_: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", by_the_server=True),
    Attack("version: none", lambda method, path: f"{method} {path} \r\nHost: t\r\n\r\n".encode(), by_the_server=True),
    Attack(
        "not HTTP: TLS", lambda *_: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), by_the_server=True
    ),
    Attack("not HTTP: bytes", lambda *_: bytes(range(256)) * 8, by_the_server=True),
    Attack("not HTTP: line breaks", lambda *_: b"\r\n" * 10_000 + b"x\r\n\r\n", by_the_server=True),
    Attack("not HTTP: a megabyte of one line", lambda *_: b"G" * 1_000_000 + b"\r\n\r\n", by_the_server=True),
)

EVERYWHERE: Final = (*TARGETS, *HEADERS, *METHODS, *HOSTS, *OTHERS)
"""For every route."""

ON_BODIES: Final = (*BODIES, *MEDIA_TYPES, *FRAMING)
"""For every route with a method that takes a body."""
