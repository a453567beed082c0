"""What of a deployment must never be seen: every secret that its configuration holds."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from core.composition import Composition
from core.keys import admin_key
from ports.secrets import Secret

_DEEPEST: Final = 8


def secrets_of(composition: Composition) -> Iterator[str]:
    """Yield the secrets of all sections and the admin key; of an address with a password, the password as well."""
    config = composition.config
    yield admin_key(config)
    yield from _password(config.bell)
    sections: list[Any] = [config, *(binding.settings for binding in composition.bindings.values())]
    sections += [plugin.settings for plugin in composition.plugins.plugins]
    for section in sections:
        for secret in _secrets(section, 0):
            yield secret
            yield from _password(secret)


def _secrets(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, msgspec.Struct) and depth < _DEEPEST:
        for name in value.__struct_fields__:
            yield from _secrets(getattr(value, name), depth + 1)
    elif isinstance(value, dict | list | tuple) and depth < _DEEPEST:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _secrets(inner, depth + 1)


def _password(address: str) -> Iterator[str]:
    try:
        password = urlsplit(address).password if "://" in address else None
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)
