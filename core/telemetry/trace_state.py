"""The `tracestate` of callers (W3C Trace Context, section 3.3): what of it goes on, to calls and to jobs.

It belongs to the caller's tracing systems and means nothing here. But it is a text that a caller chose, and it goes
on to others; so it must be well formed and short, and what looks like a credential does not go on.
"""

import re
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from core.redaction import redact_text

MOST_MEMBERS: Final = 32
MOST_CHARACTERS: Final = 512
LONG_MEMBER: Final = 128
"""Characters above which a member is left out first where all together are too many."""

_KEY: Final = r"(?:[a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
_MEMBER: Final = re.compile(rf"({_KEY})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_LONGEST_HEADER: Final = 8_192
"""Characters above which a header is not read at all; 32 members of the longest kind are hardly more."""


def trace_state_to_pass_on(header: str) -> str:
    """Return the members of a caller's `tracestate` that go on; nothing where it is malformed.

    At most 32 members and 512 characters go on, the first ones, which are the most recent. A library that is handed
    the result has nothing to complain about in the log.
    """
    if len(header) > _LONGEST_HEADER:
        return ""
    members = [member for member in map(_stripped, header.split(",")) if member]
    matches = [_MEMBER.fullmatch(member) for member in members]
    keys = {match[1] for match in matches if match is not None}
    if len(keys) != len(members) or len(members) > MOST_MEMBERS:
        return ""
    return ",".join(_fitting(_harmless(members)))


def _stripped(member: str) -> str:
    return member.strip(" \t")


def _harmless(members: list[str]) -> list[str]:
    text = ",".join(members)
    if redact_text(text) == text:
        return members
    return [member for member in members if redact_text(member) == member]


def _fitting(members: list[str]) -> Iterable[str]:
    """Return as many of the members as there is room for, without the long ones where there is none for all."""
    if sum(map(len, members)) + len(members) - 1 <= MOST_CHARACTERS:
        return members
    short = [member for member in members if len(member) <= LONG_MEMBER]
    ends = accumulate(len(member) + 1 for member in short)
    return [member for member, end in zip(short, ends, strict=True) if end - 1 <= MOST_CHARACTERS]
