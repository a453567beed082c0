"""What every answer says to browsers, and whom a request may name as host and client."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from litestar.types import HTTPScope

RawHeaders = tuple[tuple[bytes, bytes], ...]

_FIXED: Final[RawHeaders] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_HSTS: Final[RawHeaders] = ((b"strict-transport-security", b"max-age=63072000; includeSubDomains"),)

DOCUMENTATION_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; img-src 'self' data: https:; "
    "font-src 'self' data: https:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'"
)
"""`Content-Security-Policy` of the documentation pages, whose scripts come from a content delivery network."""


def response_headers(*, hsts: bool) -> RawHeaders:
    """Return the headers of every answer that does not set them itself.

    The defaults suit an API: nothing is cached, sniffed, framed or loaded. Pages set their own
    `Content-Security-Policy`, public resources their own `Cache-Control`. `hsts` is for deployments that are
    served over TLS only.
    """
    return _FIXED + (_HSTS if hsts else ())


class AllowedHosts:
    """The names under which this service may be addressed; none listed: any name.

    `*.example.org` stands for every subdomain, not for the domain itself. Ports do not matter.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        lowered = [host.lower() for host in hosts]
        self._exact = frozenset(host for host in lowered if not host.startswith("*."))
        self._suffixes = tuple(host[1:] for host in lowered if host.startswith("*."))

    def accepts(self, scope: HTTPScope) -> bool:
        """Tell whether the request's Host is one of them. A request without or with two hosts is not."""
        if not self._exact and not self._suffixes:
            return True
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return False
        host = _without_port(hosts[0].decode("latin-1").lower())
        return host in self._exact or (bool(self._suffixes) and host.endswith(self._suffixes))


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_FORWARDED: Final = b"forwarded"
_SCHEMES: Final = frozenset({"http", "https"})


class TrustedProxies:
    """Whose word is taken for the client's address and scheme: the networks of our own proxies and nobody else.

    `header` is what those proxies write the chain of addresses to, in lower case: `x-forwarded-for`, or `forwarded`
    (RFC 7239). The other one is not looked at, since they pass it on as the client wrote it.
    """

    def __init__(self, networks: Iterable[str], header: str = "x-forwarded-for") -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in networks)
        self._header = header.encode("latin-1")
        self._trusts = lru_cache(1024)(self._is_inside)

    def settle(self, scope: HTTPScope) -> None:
        """Put the client's address and the scheme that it used into the scope, where one of our proxies tells them."""
        client = scope["client"]
        if client is None or not self._networks or not self._trusts(client[0]):
            return
        scope["client"] = (self.client_address(scope), client[1])
        if (scheme := self._scheme(scope)) in _SCHEMES:
            scope["scheme"] = scheme

    def client_address(self, scope: HTTPScope) -> str:
        """Return the client's address: the peer's, or, behind our proxies, the right-most hop that is not ours.

        Addresses further left are the client's own claim. A hop that is not an address ends the walk: what
        stands before it cannot be trusted.
        """
        peer = scope["client"][0] if scope["client"] else ""
        if not self._networks or not self._trusts(peer):
            return peer
        for hop in reversed(self._hops(scope)):
            address = _address(hop)
            if address is None:
                return peer
            if not self._trusts(address):
                return address
            peer = address
        return peer

    def _hops(self, scope: HTTPScope) -> list[str]:
        hops = _listed(scope, self._header)
        return [_parameter(hop, "for") for hop in hops] if self._header == _FORWARDED else hops

    def _scheme(self, scope: HTTPScope) -> str:
        """Return the scheme that the nearest proxy was addressed by, or nothing."""
        if self._header == _FORWARDED:
            return _parameter("".join(_listed(scope, _FORWARDED)[-1:]), "proto").lower()
        return "".join(_listed(scope, b"x-forwarded-proto")[-1:]).lower()

    def _is_inside(self, address: str) -> bool:
        try:
            parsed = unmapped(ipaddress.ip_address(address))
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def unmapped(address: Address) -> Address:
    """Return the IPv4 address that a socket for both families writes as `::ffff:192.0.2.1`, others as they are."""
    return getattr(address, "ipv4_mapped", None) or address


def _listed(scope: HTTPScope, header: bytes) -> list[str]:
    """Return the elements of a header that is a list, however many lines it takes."""
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == header]
    return [element.strip() for element in ",".join(lines).split(",")] if lines else []


def _parameter(element: str, wanted: str) -> str:
    """Return a parameter of one element of `Forwarded`, or nothing."""
    for pair in element.split(";"):
        name, _, value = pair.strip().partition("=")
        if name.lower() == wanted:
            return value.strip('"')
    return ""


def _address(hop: str) -> str | None:
    """Return the address of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`, else None."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        return str(unmapped(ipaddress.ip_address(hop)))
    except ValueError:
        return None
