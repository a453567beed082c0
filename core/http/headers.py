"""What every answer says to browsers, and whom a request may name as host, client and origin."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from litestar.config.cors import CORSConfig
from litestar.types import HTTPScope

RawHeaders = tuple[tuple[bytes, bytes], ...]

_FIXED: Final[RawHeaders] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
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


class TrustedProxies:
    """Whose word is taken for the client's address: the networks of our own proxies and nobody else."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in networks)
        self._trusts = lru_cache(1024)(self._is_inside)

    def client_address(self, scope: HTTPScope) -> str:
        """Return the client's address: the peer's, or, behind our proxies, the right-most hop that is not ours.

        Addresses further left are the client's own claim. A hop that is not an address ends the walk: what
        stands before it cannot be trusted.
        """
        peer = scope["client"][0] if scope["client"] else ""
        if not self._networks or not self._trusts(peer):
            return peer
        for hop in reversed(_hops(scope)):
            address = _address(hop)
            if address is None:
                return peer
            if not self._trusts(address):
                return address
            peer = address
        return peer

    def _is_inside(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def _hops(scope: HTTPScope) -> Sequence[str]:
    """Return the chain that the proxies wrote: `Forwarded` (RFC 7239) or, where it is absent, X-Forwarded-For."""
    forwarded: list[str] = []
    x_forwarded_for: list[str] = []
    for name, value in scope["headers"]:
        if name == b"forwarded":
            forwarded += value.decode("latin-1").split(",")
        elif name == b"x-forwarded-for":
            x_forwarded_for += value.decode("latin-1").split(",")
    return [_for_of(element) for element in forwarded] if forwarded else [hop.strip() for hop in x_forwarded_for]


def _for_of(element: str) -> str:
    for pair in element.split(";"):
        name, _, value = pair.strip().partition("=")
        if name.lower() == "for":
            return value.strip('"')
    return ""


def _address(hop: str) -> str | None:
    """Return the address of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`, else None."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        return str(ipaddress.ip_address(hop))
    except ValueError:
        return None


def cors(origins: Sequence[str]) -> CORSConfig | None:
    """Return the configuration for these exact origins; None (no CORS at all) where there are none.

    Credentials travel only with a listed origin, never with `*`.
    """
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-API-Key"],
        expose_headers=["ETag", "Link", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"],
        allow_credentials="*" not in origins,
    )
