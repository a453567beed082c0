"""Values that have the right type and still cannot be used, in any profile or in production."""

import os
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from core.config.settings import Config, HttpSettings
from core.config.sources import PREFIX
from core.faults import ConfigurationFault

MINIMUM_SECRET_LENGTH: Final = 32
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
BELLS: Final = ("redis", "rediss", "unix")


def unusable_values(config: Config) -> Iterator[ConfigurationFault]:
    """Yield a fault for each value that has the right type and still cannot be used."""
    for key, message, hint in (*_always(config), *(_in_production(config) if config.is_production else ())):
        yield ConfigurationFault(config.source, key, message, hint)


def _always(config: Config) -> Iterator[tuple[str, str, str]]:
    if not config.state_dir:
        yield "state_dir", "is empty", 'name a folder, such as "var"'
    elif not config.is_production and (obstacle := _obstacle(config.state_path)):
        yield "state_dir", obstacle, "name a folder that this user may write to"
    if config.bell != "storage" and not _is_address(config.bell, BELLS):
        yield "bell", f"expected 'storage' or the address of a Redis server, got {config.bell!r}", "redis://host:6379"
    if config.public_url is not None and not _is_address(config.public_url, ("http", "https")):
        yield "public_url", f"expected an address, got {config.public_url!r}", "https://api.example.org"
    for name in ("secret_key", "previous_secret_key", "admin_key"):
        secret = getattr(config, name)
        if secret is not None and not secret.reveal():
            yield name, "is empty", "leave it out, or give it a random value"
    yield from _about_http(config.http)


def _about_http(http: HttpSettings) -> Iterator[tuple[str, str, str]]:
    for network in http.trusted_proxies:
        try:
            ip_network(network)
        except ValueError as error:
            yield "http.trusted_proxies", str(error), 'addresses or networks, such as "10.0.0.0/8"'
    for origin in http.cors_origins:
        if origin == "*" and len(http.cors_origins) > 1:
            yield "http.cors_origins", "'*' stands alone", "list the origins, or '*' for pages of anybody"
        elif origin != "*" and not _is_origin(origin):
            hint = "https://app.example.org: lower case, no path, no default port, no wildcard"
            yield "http.cors_origins", f"{origin!r} is not an origin", hint


def _in_production(config: Config) -> Iterator[tuple[str, str, str]]:
    if config.secret_key is None:
        hint = f"set {PREFIX}SECRET_KEY to {MINIMUM_SECRET_LENGTH} random characters or more"
        yield "secret_key", "is required in production", hint
    elif 0 < len(config.secret_key.reveal()) < MINIMUM_SECRET_LENGTH:
        yield "secret_key", f"is shorter than {MINIMUM_SECRET_LENGTH} characters", "use a random one"
    if config.admin_key is None:
        yield "admin_key", "is required in production", f"set {PREFIX}ADMIN_KEY to a random key"
    if "*" in config.http.cors_origins:
        yield "http.cors_origins", "'*' is refused in production", "list them"


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.netloc or (parts.scheme == "unix" and parts.path))


def _is_origin(text: str) -> bool:
    """Tell whether a browser would write an origin so (RFC 6454, 6.2), since it is compared letter by letter."""
    if not _is_address(text, tuple(DEFAULT_PORTS)) or "*" in text:
        return False
    parts = urlsplit(text)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in {None, DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return text == f"{parts.scheme}://{host}{port}"


def _obstacle(folder: Path) -> str:
    """Return why `folder` cannot be written to or made, or nothing; nothing is made to find out."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        return f"{existing} is not a folder"
    return "" if os.access(existing, os.W_OK | os.X_OK) else f"{existing} cannot be written to"
