"""The three ways in which a port can fail. Callers decide by family, never by vendor."""


class PortError(Exception):
    """A failure on the far side of a port. Adapters raise one of the three families below, never this class."""


class Unavailable(PortError):
    """It did not happen and may work later: retry with backoff.

    `retry_after` is the number of seconds that the far side asked us to wait, or None where it did not say.
    """

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class Rejected(PortError):
    """It will never work as asked: do not retry, tell the user.

    `code` is a stable snake_case word for programs, `detail` one sentence for people. Neither holds a secret.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class OutcomeUnknown(PortError):
    """It may have happened: reconcile by `reference`, never blindly retry."""

    def __init__(self, reference: str, detail: str = "") -> None:
        super().__init__(f"{reference}: {detail}" if detail else reference)
        self.reference = reference
        self.detail = detail
