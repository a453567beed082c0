"""What would serve, unsafely: production refuses it."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any, Final
from urllib.parse import urlsplit

from core.config.checks import MINIMUM_SECRET_LENGTH
from core.config.settings import Config
from core.faults import ConfigurationFault
from ports.secrets import Secret

MINIMUM_VARIETY: Final = 10
"""Different characters that a random secret of 32 has at least; `openssl rand -hex 16` has 14 on average."""

PLACEHOLDERS: Final = (
    *("changeme", "change-me", "change_me", "change me", "replaceme", "replace-me", "replace_me"),
    *("your-secret", "your_secret", "placeholder", "insecure", "default"),
)
DEBUGGERS: Final = ("LITESTAR_DEBUG", "LITESTAR_PDB")
"""Switches of Litestar's that put traces into answers, or a debugger before them."""

THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")

Section = tuple[str, Any]
"""A dotted name and its settings."""


def refused_in_production(
    config: Config, sections: Iterable[Section], environ: Mapping[str, str]
) -> Iterator[ConfigurationFault]:
    """Yield a fault for everything that would serve, unsafely.

    Settings of plugins and adapters know themselves what is: their `unsafe()` yields pairs of a key and the reason.
    """
    for key, message, hint in (*_secrets(config), *_addresses(config)):
        yield ConfigurationFault(config.source, key, message, hint)
    for prefix, settings in sections:
        for key, reason in getattr(settings, "unsafe", tuple)():
            yield ConfigurationFault(config.source, f"{prefix}.{key}", f"production refuses it: {reason}")
    for variable in DEBUGGERS:
        if environ.get(variable, "0") != "0":
            yield ConfigurationFault(variable, "", "is refused in production", "unset it")


def _secrets(config: Config) -> Iterator[tuple[str, str, str]]:
    hint = f"{MINIMUM_SECRET_LENGTH} random characters or more, such as `openssl rand -hex 32`"
    given: dict[Secret, str] = {}
    for name in ("secret_key", "previous_secret_key", "admin_key"):
        secret: Secret | None = getattr(config, name)
        if not secret:
            continue
        text = secret.reveal()
        # A short secret_key is a fault already.
        if len(text) < MINIMUM_SECRET_LENGTH and name != "secret_key":
            yield name, f"is shorter than {MINIMUM_SECRET_LENGTH} characters", hint
        elif len(text) >= MINIMUM_SECRET_LENGTH and _can_be_guessed(text):
            yield name, "can be guessed", hint
        if secret in given:
            yield name, f"is the same as {given[secret]}", "each has a value of its own"
        given.setdefault(secret, name)


def _can_be_guessed(text: str) -> bool:
    return len(set(text)) < MINIMUM_VARIETY or any(word in text.lower() for word in PLACEHOLDERS)


def _addresses(config: Config) -> Iterator[tuple[str, str, str]]:
    if (config.public_url or "").startswith("http:"):
        yield "public_url", "is not an https address: links and cookies would travel in plain text", "https://…"
    for network in config.http.trusted_proxies:
        if _is_everybody(network):
            hint = "list the proxies' own networks"
            yield "http.trusted_proxies", f"{network} trusts everybody's word for the client's address", hint
    if _tells_its_password(config.bell):
        yield "bell", "the password would travel in plain text", "rediss://…"


def _tells_its_password(bell: str) -> bool:
    try:
        parts = urlsplit(bell)
    except ValueError:
        return False
    return parts.scheme == "redis" and bool(parts.password) and parts.hostname not in THIS_MACHINE


def _is_everybody(network: str) -> bool:
    try:
        return ip_network(network).prefixlen == 0
    except ValueError:
        return False
