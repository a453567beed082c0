"""Small real implementations that tests can steer: a clock that is set, a mail system that remembers."""

from datetime import UTC, date, datetime, timedelta

from ports.errors import PortError
from ports.mail import Message


class SettableClock:
    """A clock that shows the machine's time until it is set, and stands still then."""

    def __init__(self) -> None:
        self._now: datetime | None = None

    def now(self) -> datetime:
        """Return the instant that was set, or the machine's."""
        return self._now or datetime.now(UTC)

    def today(self) -> date:
        """Return the date of `now`, in UTC."""
        return self.now().date()

    def set(self, now: datetime) -> None:
        """Stop the clock at `now`, which is aware."""
        self._now = now.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Move the clock on from where it stands."""
        self.set(self.now() + by)

    def reset(self) -> None:
        """Show the machine's time again."""
        self._now = None


class RecordingMail:
    """A mail system that keeps what it is handed, and fails when told to."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._failures: list[PortError] = []

    async def send(self, message: Message) -> None:
        """Keep `message`, or raise the next failure."""
        if self._failures:
            raise self._failures.pop(0)
        self.messages.append(message)

    async def ping(self) -> None:
        """Raise the next failure, if there is one, and leave it."""
        if self._failures:
            raise self._failures[0]

    def fail_with(self, *failures: PortError) -> None:
        """Let the next calls of `send` raise these, one each."""
        self._failures += failures

    def reset(self) -> None:
        """Forget everything."""
        self.messages.clear()
        self._failures.clear()
