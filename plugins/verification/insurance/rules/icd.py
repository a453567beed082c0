"""The syntax of ICD-10-CM codes: what a code looks like, not whether it exists.

The strict form is derived from the codes that exist in the fiscal years 2019 and 2026 (CMS/NCHS): it also knows the
letters that sixth and seventh characters have had since 2017 (`S02.11GA`), the digits of `L98.A116`, the activities
`Y93.L` and the one category with a letter in second place (`QA0`). The loose form is the edit that CMS itself applies.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from plugins.verification.insurance.rules.refusals import Refused

STRICT: Final = re.compile(
    r"(?:[A-Z][0-9]|QA)[0-9AB](?:\.[0-9A-LXZ](?:[0-9A-EXYZ](?:[0-9A-HX](?:[0-689A-HJKMNP-S])?)?)?)?"
)
LOOSE: Final = re.compile(r"[A-Z][0-9][0-9A-Z](?:\.[0-9A-Z]{1,4})?")
LITERAL: Final = re.compile(
    r"(?<![0-9A-Za-z.])[A-Z][0-9A][0-9A-Z](?:\.?[0-9A-Z]{1,4})?(?![0-9A-Za-z]|\.[0-9A-Za-z])", re.IGNORECASE
)

_CATEGORY: Final = 3
_FULL: Final = 7

LOOSE_FORM: Final = "loose_form"
PLACEHOLDER_LAST: Final = "placeholder_last"


class IcdCode(msgspec.Struct, frozen=True):
    """A well-formed code in its normal form (`E11.9`), with warnings about the form it was given in.

    `loose_form`: it fits the CMS edit but resembles no code that exists. `placeholder_last`: four to six characters
    that end in the placeholder `X` name a group of codes, never a diagnosis.
    """

    code: str
    warnings: tuple[str, ...] = ()


def normalise(text: str) -> str:
    """Return `text` in upper case, without outer blanks, with the dot after the third character."""
    code = text.strip().upper()
    if "." in code or len(code) <= _CATEGORY:
        return code
    return f"{code[:_CATEGORY]}.{code[_CATEGORY:]}"


def parse(text: str, *, strict: bool = False, pointer: str = "") -> IcdCode:
    """Return the code that `text` spells, normalised.

    Args:
        text: the code as it was written; case and the dot do not matter.
        strict: refuse what would otherwise only earn a warning.
        pointer: where `text` stands in the request, for the refusal.

    Raises:
        Refused: `invalid_icd_code`.
    """
    code = normalise(text)
    if not text.isascii() or (LOOSE.fullmatch(code) is None and STRICT.fullmatch(code) is None):
        raise Refused("invalid_icd_code", f"{text[:20]!r} is not an ICD-10-CM code such as E11.9.", pointer=pointer)
    warnings = tuple(_warnings(code))
    if strict and warnings:
        raise Refused("invalid_icd_code", f"{code} is no ICD-10-CM code: {warnings[0]}.", pointer=pointer)
    return IcdCode(code, warnings)


def literals(text: str) -> Iterator[tuple[str, str]]:
    """Yield each run of characters in free text that could be a code, as written and normalised."""
    for match in LITERAL.finditer(text):
        code = normalise(match.group())
        if match.group().isascii() and STRICT.fullmatch(code):
            yield match.group(), code


def is_dotted(written: str) -> bool:
    """Tell whether a run of characters was written with a dot, so that no ordinary word can be meant."""
    return "." in written


def _warnings(code: str) -> Iterator[str]:
    if STRICT.fullmatch(code) is None:
        yield LOOSE_FORM
    characters = len(code.replace(".", ""))
    if _CATEGORY < characters < _FULL and code.endswith("X"):
        yield PLACEHOLDER_LAST
