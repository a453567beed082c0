"""Why a claim is refused or cut: the named reasons, and the numbers of the industry's list where they exist."""

import re
from typing import Final

REASONS: Final[dict[str, str | None]] = {
    "invalid_item_or_service": "181",
    "not_in_price_list": "96",
    "no_product_found": "204",
    "category_limitation": None,
    "frequency_failure": "151",
    "family": "31",
    "target_date": "16",
    "care_type": "5",
    "max_hospital_admissions": "119",
    "max_visits": "119",
    "max_consultations": "119",
    "max_surgeries": "119",
    "max_deliveries": "119",
    "quantity_over_limit": "222",
    "waiting_period": "179",
    "max_antenatal": "119",
    "invalid_claim": "16",
    "no_coverage": "200",
}
"""openIMIS's eighteen active rejection reasons by name, each with its claim adjustment reason code (X12 CARC)."""

_CARC: Final = re.compile(r"(?:(?:CO|OA|PI|PR)-)?(?:[1-9][0-9]{0,2}|[A-Z][0-9]{1,2})")


def is_reason(code: str) -> bool:
    """Tell whether `code` is a named reason or has the form of a CARC, with or without its group (`CO-45`)."""
    return code in REASONS or _CARC.fullmatch(code) is not None


def adjustment_reason_code(code: str) -> str | None:
    """Return the CARC that a reason stands for, or None where the list has none."""
    return REASONS[code] if code in REASONS else code.rpartition("-")[2]
