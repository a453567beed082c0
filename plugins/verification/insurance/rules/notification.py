"""What may be written into a mail's header, which addresses mail can reach, and when a failed sending is repeated."""

import unicodedata
from datetime import date
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Final

from email_validator import EmailNotValidError, validate_email

from plugins.verification.insurance.rules.refusals import Refused

BACKOFF: Final = (60, 300, 1800, 7200)
"""Seconds from each failed attempt to the next; after one more failure a notification has failed."""
ATTEMPTS: Final = len(BACKOFF) + 1

THRESHOLDS: Final = (0, 7, 30, 60, 90)
"""Days before a credential expires on which its holder's guardian is told, once each."""
LATEST_DAYS: Final = -7
"""A credential that expired longer ago than this was expired when it came to us; nobody is told."""

_LINE_BREAKS: Final = frozenset({"Cc", "Zl", "Zp"})


def check_subject(subject: str, pointer: str = "/subject") -> None:
    """Refuse a subject that would break out of its header, as it stands or after decoding (RFC 2047).

    Raises:
        Refused: `header_injection`.
    """
    if _breaks(subject) or _breaks(_decoded(subject)):
        raise Refused("header_injection", "A subject is one line of text.", pointer=pointer)


def normalise_address(address: str, pointer: str = "/recipient_email") -> str:
    """Return an e-mail address in the form it is stored in: domain in lower case, Unicode composed.

    The domain may be international (RFC 5890), the part before the `@` is ASCII. No name server is asked.

    Raises:
        Refused: `header_injection` or `invalid_email`.
    """
    if _breaks(address):
        raise Refused("header_injection", "An address is one line of text.", pointer=pointer)
    try:
        return validate_email(address, check_deliverability=False, allow_smtputf8=False).normalized
    except EmailNotValidError as error:
        raise Refused("invalid_email", str(error), pointer=pointer) from error


def transport_address(address: str) -> str:
    """Return a stored address as mail servers take it: an international domain in its ASCII form."""
    return validate_email(address, check_deliverability=False, allow_smtputf8=False).ascii_email or address


def threshold(days_left: int) -> int | None:
    """Return which threshold a credential with `days_left` days to live has reached, None for none."""
    if days_left < LATEST_DAYS:
        return None
    return next((days for days in THRESHOLDS if days_left <= days), None)


def expiry_key(doctor_id: str, kind: str, expires_on: date, days: int) -> str:
    """Return the key under which one expiry of one credential is announced once a threshold."""
    return f"expiry:{doctor_id}:{kind}:{expires_on.isoformat()}:{days}"


def _breaks(text: str) -> bool:
    return any(unicodedata.category(character) in _LINE_BREAKS for character in text)


def _decoded(subject: str) -> str:
    try:
        return str(make_header(decode_header(subject)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return subject
