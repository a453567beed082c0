"""The National Provider Identifier of the United States."""

import re
from typing import Final

from stdnum import luhn

ISSUER_PREFIX: Final = "80840"
"""ISO/IEC 7812: `80` for health applications, `840` for the United States."""

_SHAPE: Final = re.compile(r"[12][0-9]{9}")


def is_valid_npi(npi: str) -> bool:
    """Tell whether `npi` is ten ASCII digits, begins with 1 or 2 and carries the right check digit.

    The check digit is Luhn's over `80840` and the number (CMS, "Requirements for NPI check digit").
    """
    return _SHAPE.fullmatch(npi) is not None and luhn.is_valid(ISSUER_PREFIX + npi)
