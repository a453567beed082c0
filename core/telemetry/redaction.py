"""Takes secrets and personal data out of whatever is about to be logged or put on a span.

The last step before a line is written, so that nothing added on the way escapes it. Two nets: names of fields whose
values are never shown, and patterns of values that give themselves away wherever they stand.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, MutableMapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from ports.secrets import REDACTED

_SECRET_NAME: Final = re.compile(
    r"passw|passphrase|secret|token|authori[sz]ation|cookie|api[-_]?key|admin[-_]?key|private[-_]?key|dsn|credential"
    r"|card[-_]?number|\bpan\b|\bcvc\b|\bcvv\b|ssn|totp|recovery|signature|diagnos|oauth[-_]?code|auth[-_]?code|\bbody\b",
    re.IGNORECASE,
)
_SECRET_VALUE: Final = re.compile(
    r"(?P<jwt>eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?)"
    r"|(?P<scheme>\b(?:bearer|basic|digest)\s+)[\w.~+/=-]{6,}"
    r"|(?P<userinfo>://[^\s/:@]*:)[^\s/@]+@"
    r"|(?P<parameter>(?:(?<=[?&])(?:code|state)|(?:password|passwd|secret|token|signature|credential|api_?key))=)"
    r"[^\s&\"']+"
    r"|(?P<email>[\w.!#$%&'*+^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+)"
    r"|(?P<ssn>\b\d{3}-\d{2}-\d{4}\b)"
    r"|(?P<pan>(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-]))",
    re.IGNORECASE,
)
_DIGITS: Final = re.compile(r"\d[\d -]{8}")
_PLAIN: Final = (bool, int, float, datetime, date, UUID, type(None))
_DEEPEST: Final = 8

_hash_key = secrets.token_bytes(16)


def use_hash_key(key: bytes) -> None:
    """Hash e-mail addresses with `key`, so that all processes of a deployment agree; by default each has its own."""
    global _hash_key  # noqa: PLW0603 - one key a process, given once at start
    _hash_key = key[:64]


def redact_text(text: str) -> str:
    """Return `text` without tokens, passwords in addresses, card and social security numbers; e-mails are hashed."""
    if (
        "@" in text
        or "=" in text
        or " " in text
        or "eyJ" in text
        or "\n" in text
        or "\t" in text
        or _DIGITS.search(text)
    ):
        return _SECRET_VALUE.sub(_replacement, text)
    return text  # most texts hold nothing that could begin a secret, and finding that out is cheap


def redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Redact a log event, as a structlog processor; to be the last one before the renderer."""
    return {name: _redact_field(name, value, 0) for name, value in event.items()}


def _redact_field(name: object, value: Any, depth: int) -> Any:
    if value and _SECRET_NAME.search(str(name)):
        return REDACTED
    return _redact(value, depth)


def _redact(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(name): _redact_field(name, inner, depth + 1) for name, inner in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_redact(inner, depth + 1) for inner in value]
    return redact_text(f"{type(value).__qualname__}: {value}" if isinstance(value, BaseException) else repr(value))


def _replacement(match: re.Match[str]) -> str:
    kind, found = match.lastgroup, match.group()
    if kind in {"scheme", "parameter"}:
        return match.group(kind) + REDACTED
    if kind == "userinfo":
        return match.group(kind) + REDACTED + "@"
    if kind == "email":
        return (
            "email:"
            + hashlib.blake2b(found.lower().encode("utf-8", "replace"), key=_hash_key, digest_size=6).hexdigest()
        )
    if kind == "pan" and not _is_luhn(found):
        return found
    return REDACTED


def _is_luhn(written: str) -> bool:
    """Tell whether the digits of `written` end in a valid check digit (ISO/IEC 7812-1, annex B)."""
    digits = [int(character) for character in written if character.isdigit()]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004 - of the algorithm
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
