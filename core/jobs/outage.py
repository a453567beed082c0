"""Living through an outage quietly: wait longer each time, and say once that it began and once that it ended."""

from typing import Any, Final

import structlog

FIRST_DELAY: Final = 0.1
LONGEST_DELAY: Final = 2.0

logger: Any = structlog.get_logger(__name__)


class Outage:
    """What one supervising loop knows about the thing that it keeps reconnecting to."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._delay = 0.0

    def failed(self, error: Exception) -> float:
        """Return the seconds to wait before the next try; log the first failure of an outage."""
        if not self._delay:
            logger.warning("connection lost, reconnecting", what=self._what, error=f"{type(error).__name__}: {error}")
        self._delay = min(max(FIRST_DELAY, self._delay * 2), LONGEST_DELAY)
        return self._delay

    def over(self) -> None:
        """Note that it works; log it if it did not before."""
        if self._delay:
            logger.info("connection is back", what=self._what)
        self._delay = 0.0
