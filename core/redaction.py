"""Takes secrets and personal data out of whatever is about to be logged, put on a span or kept as an error.

The last step before a line is written, so that nothing added on the way escapes it. Three nets: names of fields whose
values are never shown, patterns of values that give themselves away wherever they stand, and the deployment's own
secrets, which are known word for word. Every pattern is bounded or keeps what it has consumed, so that time grows with
the length of the text and with nothing else; what is longer than `LONGEST` is cut.
"""

import dataclasses
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from ports.secrets import REDACTED

LONGEST: Final = 32_768
"""Characters of one value that are shown; nobody reads more, and finding secrets in more takes time."""

SHORTEST_KNOWN: Final = 6
"""Characters below which a word is no secret: it would be blotted out of lines that mean something else by it."""

_SECRET_NAME: Final = re.compile(
    r"passw|passphrase|secret|token|authori[sz]ation|cookie|api[-_]?key|admin[-_]?key|private[-_]?key|credential"
    r"|card[-_]?number|totp|otp[-_]?seed|recovery|signature|diagnos|oauth[-_]?code|auth[-_]?code"
    r"|(?<![a-z])(?:pan|cvc|cvv|ssn|dsn|body)(?![a-z])",
    re.IGNORECASE,
)
_TELLING_NAME: Final = (
    r"(?:[\w-]{0,32}(?:passw(?:or)?d|passphrase|secret|token|signature|credential|api[-_]?key|admin[-_]?key"
    r"|private[-_]?key|card[-_]?number|otp[-_]?seed|diagnos[ei]s|(?:oauth|auth)[-_]?code)[\w-]{0,32}"
    r"|(?:[\w-]{0,32}[_-])?(?:ssn|dsn|cvc|cvv))"
)
"""A name whose value is secret, as it stands in free text; bounded on both sides."""

_QUOTE: Final = r"\\{0,3}"
_SECRET_VALUE: Final = re.compile(
    r"(?P<token>eyJ[\w-]{8,}+(?:\.[\w-]*+)*+|(?<!\w)(?:(?:sk|rk|pk)_(?:live|test)_|whsec_|ghp_|AKIA)\w{8,}+)"
    r"|(?P<scheme>\b(?:bearer|basic|digest|aws)\s++)[\w.~+/=:-]{6,}+"
    r"|(?P<userinfo>://[^\s/:@\"']{0,256}+:)[^\s\"']{1,160}@"
    r"|(?P<parameter>(?<=[?&])(?:code|state)=)[^\s&\"']++"
    rf"|(?P<named>(?<![\w-]){_TELLING_NAME}(?:{_QUOTE}[\"'])?\s{{0,3}}[=:]\s{{0,3}})"
    rf"(?:{_QUOTE}\"[^\"\n]*+\"?|{_QUOTE}'[^'\n]*+'?|[^\s&\"',;)}}\]]++)"
    r"|(?P<email>(?<![\w.!#$%&'*+^`{|}~-])[\w.!#$%&'*+^`{|}~-]++@[\w-]{1,63}(?:\.[\w-]{1,63})+)"
    r"|(?P<ssn>(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-]))"
    r"|(?P<pan>(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-]))",
    re.IGNORECASE,
)
_DIGITS: Final = re.compile(r"\d[\d -]{8}")
_TELLING: Final = ("@", "=", " ", ":", "eyJ", "\n", "\t", "_", "AKIA")
"""One of these begins or surrounds every secret but a number; most paths hold none, and finding out is cheap."""

_PLAIN: Final = (bool, int, float, datetime, date, UUID, type(None))
_DEEPEST: Final = 8

_hash_key = secrets.token_bytes(16)
_known: tuple[str, ...] = ()


def use_hash_key(key: bytes) -> None:
    """Hash e-mail addresses with `key`, so that all processes of a deployment agree; by default each has its own."""
    global _hash_key  # noqa: PLW0603 - one key a process, given once at start
    _hash_key = key[:64]


def know_secrets(values: Iterable[str]) -> None:
    """Blot out these values wherever they stand: the deployment's own secrets. Short words are left alone."""
    global _known  # noqa: PLW0603 - one deployment a process, known once at start
    _known = tuple(sorted({value for value in values if len(value) >= SHORTEST_KNOWN}, key=len, reverse=True))


def redact_text(text: str) -> str:
    """Return `text` without tokens, passwords in addresses, card and social security numbers; e-mails are hashed."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text)} characters)"
    for secret in _known:
        if secret in text:
            text = text.replace(secret, REDACTED)
    if any(mark in text for mark in _TELLING) or _DIGITS.search(text):
        return _SECRET_VALUE.sub(_replacement, text)
    return text


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
    if isinstance(value, msgspec.Struct):
        value = {name: getattr(value, name) for name in value.__struct_fields__}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {redact_text(str(name)): _redact_field(name, inner, depth + 1) for name, inner in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_redact(inner, depth + 1) for inner in value]
    return redact_text(f"{type(value).__qualname__}: {value}" if isinstance(value, BaseException) else repr(value))


def _replacement(match: re.Match[str]) -> str:
    kind, found = match.lastgroup, match.group()
    if kind in {"scheme", "parameter", "named"}:
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
