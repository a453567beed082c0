"""The kinds of text that requests about doctors carry, with their limits."""

from typing import Annotated, Final

from msgspec import Meta

END: Final = r"$(?!\n)"
"""The end of the text in Python as in ECMAScript: Python's `$` alone would let a line break follow."""

LINE: Final = r"^(?=[^\n]*\S)[^\x00-\x1f\x7f-\x9f]+" + END
"""One line with something on it and no control characters."""

PARAGRAPHS: Final = r"^(?=[\s\S]*\S)[^\x00-\x08\x0b-\x1f\x7f-\x9f]+" + END
DOCTOR_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]*" + END
LICENSE_NUMBER: Final = r"^[A-Za-z0-9./-]+" + END
STATE: Final = r"^[A-Z]{2}" + END
NPI: Final = r"^[12][0-9]{9}" + END
COUNTRY: Final = r"^[A-Z]{2}" + END
CURRENCY: Final = r"^[A-Z]{3}" + END
WEB_ADDRESS: Final = r"^https?://[!-~]+" + END

DoctorId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=DOCTOR_ID,
        description="The identifier by which the doctor is known here.",
        examples=["DOC-1001"],
    ),
]
LicenseNumber = Annotated[
    str,
    Meta(min_length=3, max_length=32, pattern=LICENSE_NUMBER, description="The number on the licence to practise."),
]
State = Annotated[str, Meta(pattern=STATE, description="The state that issued it, two letters.", examples=["CA"])]
Npi = Annotated[
    str, Meta(pattern=NPI, description="National Provider Identifier, check digit included.", examples=["1234567893"])
]
Country = Annotated[str, Meta(pattern=COUNTRY, description="ISO 3166-1 alpha-2.", examples=["PK"])]
Currency = Annotated[str, Meta(pattern=CURRENCY, description="ISO 4217.", examples=["USD"])]
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=LINE)]
Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=LINE)]
Paragraphs = Annotated[str, Meta(min_length=1, max_length=4000, pattern=PARAGRAPHS)]
WebAddress = Annotated[str, Meta(max_length=2000, pattern=WEB_ADDRESS)]
