"""Types of fields that several insurance requests share."""

import math
import re
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final

import msgspec

from core.http.values import CurrencyAmount, HeaderText, InvalidValue, Refinement

LARGEST: Final = Decimal("999999999999.99")
"""What NUMERIC(14, 2) holds."""

NOTHING: Final[Any] = Decimal(0)
WHOLE: Final[Any] = Decimal(1)
"""Defaults of amounts and rates, which are plain decimals."""

_RATE: Final = re.compile(r"0(?:\.[0-9]{1,4})?|1(?:\.0{1,4})?", re.ASCII)

_CONTROLS: Final = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_ONE_LINE: Final = rf"^[^\S{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*(?![\s\S])"
"""Blanks, something that is none, and the rest of the line; without a choice, hence in linear time."""

_IDENTIFIER: Final = r"^[!-~]+(?![\s\S])"

ClaimReference = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=_IDENTIFIER)]
PersonId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=_IDENTIFIER)]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}(?![\s\S])", description="ISO 4217", examples=["USD"])]
Line200 = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=_ONE_LINE)]
Comment = Annotated[str, msgspec.Meta(max_length=4000)]


class Amount(CurrencyAmount):
    """An amount of money in the currency beside it, up to what is stored; the domain says whether below zero."""

    lowest: ClassVar[Decimal] = -LARGEST

    @classmethod
    def parse(cls, value: object) -> Decimal:
        """Return the amount, or raise InvalidValue as `CurrencyAmount` does, or `money` outside the range."""
        amount = super().parse(value)
        if not cls.lowest <= amount <= LARGEST:
            raise InvalidValue("money", f"An amount from {cls.lowest} to {LARGEST} is expected.")
        return amount

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return the schema: twelve digits before the point, and a sign where the type allows one."""
        sign = "-?" if cls.lowest < 0 else ""
        bounds = {"minimum": math.ceil(cls.lowest), "maximum": int(LARGEST)}
        pattern = rf"^{sign}0{{0,3}}[0-9]{{1,12}}(\.[0-9]{{1,{cls.max_decimals}}})?$"
        return {**super().describe(), **bounds, "pattern": pattern}


class NonNegativeAmount(Amount):
    """An amount of zero or more."""

    lowest: ClassVar[Decimal] = Decimal(0)


class PositiveAmount(Amount):
    """An amount above zero."""

    lowest: ClassVar[Decimal] = Decimal("0.0001")

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return the schema: some digit is not zero."""
        described = super().describe()
        return {**described, "pattern": described["pattern"].replace("^", "^(?=.*[1-9])", 1)}


class Rate(Decimal, metaclass=Refinement):
    """A share from 0 to 1 with at most four decimals: `"0.8"`, or a JSON number, taken as it is written."""

    @classmethod
    def parse(cls, value: object) -> Decimal:
        """Return the rate, or raise InvalidValue `rate` or `type`."""
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise InvalidValue("type", 'A rate is written like "0.8".')
        if _RATE.fullmatch(str(value)) is None:
            raise InvalidValue("rate", "A rate is a number from 0 to 1 with at most four decimals.")
        return Decimal(str(value))

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return the schema: a decimal string or a number."""
        types = ["string", "number"]
        pattern = r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$"
        return {
            "type": types,
            "pattern": pattern,
            "minimum": 0,
            "maximum": 1,
            "multipleOf": 0.0001,
            "examples": ["0.8"],
        }


class Subject(HeaderText):
    """The subject of a mail: one line of 1 to 255 characters."""

    __slots__ = ()
    longest: ClassVar[int] = 255

    @classmethod
    def parse(cls, value: object) -> str:
        """Return the subject, or raise InvalidValue as `HeaderText` does, or `length`."""
        subject = super().parse(value)
        if len(subject) > cls.longest or not subject.strip():
            raise InvalidValue("length", f"A subject has 1 to {cls.longest} characters.")
        return subject

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return the schema: one line, and not a blank one."""
        return {**super().describe(), "minLength": 1, "maxLength": cls.longest}
