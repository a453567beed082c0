"""What can go wrong on purpose."""

from typing import Final, Literal, get_args

FaultName = Literal["status-503", "status-500", "status-429", "timeout", "empty", "malformed-json"]
"""A problem document of that status; no answer; an answer without a body; a body that is cut off."""

FAULTS: Final[tuple[str, ...]] = get_args(FaultName)
MAX_WAIT: Final = 60.0
"""Seconds after which a `timeout` ends for a client that has not left."""
