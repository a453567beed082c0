"""Types of values that a body or a query may carry and whose syntax JSON does not know.

Such a type refines a plain one: its instances are the plain strings and decimals that `parse` leaves as they are,
so they are stored, compared and written like any other. Fields are declared with it like with any type.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final

import msgspec

MAX_EMAIL_LENGTH: Final = 254
"""RFC 5321, 4.5.3.1.3: a path is 256 octets, the angle brackets included."""

MAX_UNITS: Final = 10**15 - 1
"""The largest whole number of units that an amount may have."""

_ENCODED_WORD: Final = re.compile(r"=\?[^?]*\?[bqBQ]\?")
_HEADER_TEXT: Final = r"^(?!.*=\?[^?]*\?[bqBQ]\?)[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_AMOUNT: Final = re.compile(r"-?[0-9]{1,15}(?:\.([0-9]{1,9}))?", re.ASCII)

_WITH_OFFSET: Final = Annotated[datetime, msgspec.Meta(tz=True)]

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 9998
"""Years that a timestamp may be of, in UTC: far enough from the calendar's ends for any offset and sum of days."""


class InvalidValue(ValueError):
    """A value that does not fit its type.

    Raise it from `parse`, or from a Struct's `__post_init__` with the `pointer` of the field within the Struct
    (`/end_date`); the fault that the client reads carries `code`, the message and the full pointer.
    """

    def __init__(self, code: str, message: str, *, pointer: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.pointer = pointer


class Refinement(type):
    """Metaclass of a type that is a plain one with a syntax: its classmethod `parse` makes and judges values.

    `parse(value)` takes whatever JSON has and returns the plain value or raises InvalidValue; `describe()` says in JSON
    Schema what it takes.
    """

    def parse(cls, value: object) -> Any:
        """Return the plain value, or raise InvalidValue."""
        raise NotImplementedError

    def describe(cls) -> dict[str, Any]:
        """Return the JSON Schema of what `parse` takes."""
        return {"type": "string"}

    def __instancecheck__(cls, instance: object) -> bool:
        try:
            parsed = cls.parse(instance)
        except InvalidValue:
            return False
        return type(parsed) is type(instance) and bool(parsed == instance)


class Money(Decimal, metaclass=Refinement):
    """An amount of money in a request: a decimal string (`"29.99"`) or an integer, never a float.

    At most two decimals, no exponent, no thousands separators. Amounts of a currency with another exponent are
    declared as `CurrencyAmount` and checked with their currency by the domain. Answers declare `Decimal`, which
    is written as a string.
    """

    max_decimals: ClassVar[int] = 2

    @classmethod
    def parse(cls, value: object) -> Decimal:
        """Return the amount, or raise InvalidValue `float_money`, `type` or `money`."""
        if isinstance(value, float):
            raise InvalidValue("float_money", 'An amount is a decimal string such as "29.99", not a float.')
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise InvalidValue("type", 'An amount is a decimal string such as "29.99".')
        matched = _AMOUNT.fullmatch(f"{value:f}" if isinstance(value, Decimal) else str(value))
        if matched is None or len(matched[1] or "") > cls.max_decimals:
            message = f'An amount is written like "29.99", with at most {cls.max_decimals} decimals.'
            raise InvalidValue("money", message)
        return Decimal(matched[0])

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return the schema: a decimal string with as many decimals as the type allows, or an integer."""
        return {
            "type": ["string", "integer"],
            "pattern": rf"^-?[0-9]{{1,15}}(\.[0-9]{{1,{cls.max_decimals}}})?$",
            "minimum": -MAX_UNITS,
            "maximum": MAX_UNITS,
            "examples": ["29.99"],
        }


class CurrencyAmount(Money):
    """An amount with as many decimals as any ISO 4217 currency has (four)."""

    max_decimals: ClassVar[int] = 4


class HeaderText(str, metaclass=Refinement):
    """Text that goes into a mail header: no line breaks, no control characters, no encoded words."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> str:
        """Return the text, or raise InvalidValue `header_injection` or `type`."""
        if not isinstance(value, str):
            raise InvalidValue("type", "A string is expected.")
        if _CONTROL.search(value) or _ENCODED_WORD.search(value):
            raise InvalidValue("header_injection", "Line breaks, control characters and encoded words are refused.")
        return value

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return the schema: one line without encoded words."""
        return {"type": "string", "pattern": _HEADER_TEXT}


class EmailAddress(str, metaclass=Refinement):
    """An e-mail address as it is stored and compared: IDN in Unicode, the domain in lower case."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> str:
        """Return the normalised address, or raise InvalidValue `invalid_email`, `header_injection` or `type`."""
        return email_address(HeaderText.parse(value))

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return the schema: an address, domains of any script included."""
        return {"type": "string", "format": "idn-email", "maxLength": MAX_EMAIL_LENGTH}


class Timestamp(datetime, metaclass=Refinement):
    """An instant (RFC 3339), given with an offset and taken in UTC. A local time without one is refused.

    It lies in the years 1900 to 9998: at the calendar's ends, an offset alone leaves it.
    """

    @classmethod
    def parse(cls, value: object) -> datetime:
        """Return the time in UTC, or raise InvalidValue `invalid_datetime`."""
        try:
            instant: datetime | None = msgspec.convert(value, _WITH_OFFSET).astimezone(UTC)
        except (msgspec.ValidationError, OverflowError):
            instant = None
        if instant is None or not FIRST_YEAR <= instant.year <= LAST_YEAR:
            message = f"A time from {FIRST_YEAR} to {LAST_YEAR} with an offset is expected, like 2026-03-01T09:30:00Z."
            raise InvalidValue("invalid_datetime", message)
        return instant

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return the schema: a date and time."""
        return {"type": "string", "format": "date-time"}


@lru_cache(1024)
def email_address(value: str) -> str:
    """Return `value` normalised, or raise InvalidValue `invalid_email`.

    The syntax is that of RFC 5321 and 6531, without quoted local parts, comments and address literals. The domain
    needs a dot and is not looked up. Special-use domains (`localhost`, `.invalid`, `.local`) are refused; `.test`
    (RFC 6761) is accepted.
    """
    from email_validator import EmailNotValidError, validate_email

    if len(value) > MAX_EMAIL_LENGTH:  # before it is parsed, which takes longer than long texts deserve
        raise InvalidValue("invalid_email", "An address like name@example.org is expected.")
    try:
        found = validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidValue("invalid_email", "An address like name@example.org is expected.") from None
    if "." not in str(found.ascii_domain):
        raise InvalidValue("invalid_email", "An address like name@example.org is expected.")
    return found.normalized


def decode_value(kind: type, value: Any) -> Any:
    """Make a value of `kind` from what JSON has: msgspec's `dec_hook`."""
    if isinstance(kind, Refinement):
        return kind.parse(value)
    raise NotImplementedError(f"{kind.__qualname__} cannot be read from JSON: give it the metaclass Refinement")


PARAMETER_DECODERS: Final = ((lambda kind: isinstance(kind, Refinement), decode_value),)
"""Litestar's `type_decoders`, so that query and path parameters may be declared with these types, too."""
