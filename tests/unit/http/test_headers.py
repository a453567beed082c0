"""Hosts, client addresses and origins are taken only from whom they may be."""

from typing import Any

import pytest

from core.http.headers import AllowedHosts, TrustedProxies, response_headers


def scope(*headers: tuple[str, str], peer: str = "192.0.2.9") -> Any:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return {"type": "http", "headers": raw, "client": (peer, 1)}


@pytest.mark.parametrize(
    ("host", "accepted"),
    [
        ("example.org", True),
        ("EXAMPLE.org:8443", True),
        ("a.example.net", True),
        ("example.net", False),
        ("evil.com", False),
        ("example.org.evil.com", False),
        ("exampleXorg", False),
        ("", False),
        ("[::1]:80", True),
    ],
)
def test_only_listed_hosts_are_served(host: str, *, accepted: bool) -> None:
    assert AllowedHosts(["example.org", "*.example.net", "[::1]"]).accepts(scope(("Host", host))) is accepted


def test_no_host_and_two_hosts_are_no_host() -> None:
    hosts = AllowedHosts(["a.org"])
    assert not hosts.accepts(scope())
    assert not hosts.accepts(scope(("Host", "a.org"), ("Host", "a.org")))
    assert AllowedHosts([]).accepts(scope(("Host", "anything")))


@pytest.mark.parametrize(
    ("headers", "peer", "client"),
    [
        ([], "10.0.0.1", "10.0.0.1"),
        ([("X-Forwarded-For", "203.0.113.5")], "10.0.0.1", "203.0.113.5"),
        ([("X-Forwarded-For", "203.0.113.5")], "192.0.2.9", "192.0.2.9"),
        ([("X-Forwarded-For", "1.1.1.1, 203.0.113.5, 10.0.0.7")], "10.0.0.1", "203.0.113.5"),
        ([("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "203.0.113.5")], "10.0.0.1", "203.0.113.5"),
        ([("X-Forwarded-For", "1.1.1.1, garbage")], "10.0.0.1", "10.0.0.1"),
        ([("X-Forwarded-For", "203.0.113.5:4711")], "10.0.0.1", "203.0.113.5"),
        ([("X-Forwarded-For", "10.0.0.2, 10.0.0.3")], "10.0.0.1", "10.0.0.2"),
        ([("X-Forwarded-For", "2001:db8::17")], "::ffff:10.0.0.1", "2001:db8::17"),
        ([("X-Forwarded-For", "::ffff:203.0.113.5")], "10.0.0.1", "203.0.113.5"),
        ([("Forwarded", "for=1.1.1.1"), ("X-Forwarded-For", "203.0.113.5")], "10.0.0.1", "203.0.113.5"),
    ],
)
def test_the_client_is_the_last_hop_that_is_not_ours(headers: list[tuple[str, str]], peer: str, client: str) -> None:
    assert TrustedProxies(["10.0.0.0/8"]).client_address(scope(*headers, peer=peer)) == client


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert TrustedProxies([]).client_address(scope(("X-Forwarded-For", "1.1.1.1"))) == "192.0.2.9"


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([("Forwarded", 'for="[2001:db8::17]:4711";proto=https, for=10.0.0.9')], "2001:db8::17"),
        ([("Forwarded", "for=1.1.1.1"), ("Forwarded", "For=203.0.113.5")], "203.0.113.5"),
        ([("Forwarded", "for=_hidden")], "10.0.0.1"),
        ([("X-Forwarded-For", "1.1.1.1")], "10.0.0.1"),
        ([("X-Forwarded-For", "1.1.1.1"), ("Forwarded", "for=203.0.113.5")], "203.0.113.5"),
    ],
)
def test_proxies_that_write_forwarded_are_read_there_and_nowhere_else(
    headers: list[tuple[str, str]], client: str
) -> None:
    proxies = TrustedProxies(["10.0.0.0/8"], "forwarded")
    assert proxies.client_address(scope(*headers, peer="10.0.0.1")) == client


def test_hsts_is_for_whom_it_is_configured() -> None:
    assert b"strict-transport-security" in dict(response_headers(hsts=True))
    assert b"strict-transport-security" not in dict(response_headers(hsts=False))
