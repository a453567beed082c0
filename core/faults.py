"""What is wrong with a configuration: collected in full, told at once."""

import difflib
from collections.abc import Iterable
from typing import Final

import msgspec

from core.redaction import redact_text
from ports.errors import PortError

EX_CONFIG: Final = 78
"""The exit code for a configuration error (sysexits.h)."""


LISTED_CHOICES: Final = 12


class ConfigurationFault(msgspec.Struct, frozen=True):
    """One thing that is wrong: where it stands, which key, what is wrong, and how to mend it."""

    source: str
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.source}: {self.key}" if self.key else self.source
        # The place stays as it is: next to the name of a secret, any word would look like its value.
        return f"{place}: " + redact_text(self.message + (f" ({self.hint})" if self.hint else ""))


class ConfigurationError(Exception):
    """The configuration cannot be served. Holds every fault that was found."""

    def __init__(self, faults: Iterable[ConfigurationFault]) -> None:
        self.faults = tuple(faults)
        super().__init__(self.report())

    def report(self) -> str:
        """Return the message for people: one line a fault."""
        count = len(self.faults)
        title = f"The configuration has {count} fault{'' if count == 1 else 's'}:"
        return "\n".join([title, *(f"  - {fault}" for fault in self.faults)])


class StartupError(Exception):
    """Something that the configuration names does not come up. The message is one line and says which and why."""


def one_line(error: BaseException) -> str:
    """Return what `error` says about itself, on one line; the innermost one speaks where several were grouped.

    Secrets in it are blotted out: drivers quote addresses with their passwords.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, PortError | StartupError):
        return redact_text(" ".join(str(error).split()))
    return redact_text(" ".join(f"{type(error).__name__}: {error}".split()))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint with the nearest known words, or the whole list where it is short."""
    choices = sorted(known)
    near = difflib.get_close_matches(word, choices, n=2, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(near) + "?"
    return "known: " + ", ".join(choices) if 0 < len(choices) <= LISTED_CHOICES else ""
