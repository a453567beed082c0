"""Secrets as a type of their own, so that nothing prints one by accident."""

from typing import Final

REDACTED: Final = "***"


class Secret:
    """A string that shows itself only when asked: `repr`, `str`, formatting and logs see `***`.

    Settings declare secrets with this type (`password: Secret`); the configuration accepts a plain string,
    `{ env = "NAME" }` or `{ file = "/path" }` for them.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself. Hand it to the vendor's library and to nobody else."""
        return self._value

    def __repr__(self) -> str:
        return REDACTED

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)
