"""Client histories, Jepsen's way: what each client asked, what it was told, and whether the database agrees.

What was acknowledged (`ok`) must be there, what was refused (`fail`) must not, and what nobody answered for (`unknown`)
may be either. A history is kept in a file of JSON lines, so that it survives the process that wrote it.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

import msgspec

Outcome = Literal["ok", "fail", "unknown"]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One request of one client. Times are monotonic seconds."""

    client: int
    operation: str
    outcome: Outcome
    invoked: float
    answered: float
    status: int | None = None
    answer: str | None = None

    @property
    def seconds(self) -> float:
        """How long the client waited."""
        return self.answered - self.invoked


class History:
    """What clients asked and were told."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self.operations: list[Operation] = []

    def note(
        self,
        client: int,
        operation: str,
        outcome: Outcome,
        invoked: float,
        *,
        status: int | None = None,
        answer: str | None = None,
    ) -> Operation:
        """Append what `client` was told now about the `operation` that it asked for at `invoked`."""
        noted = Operation(
            client=client,
            operation=operation,
            outcome=outcome,
            invoked=invoked,
            answered=time.monotonic(),
            status=status,
            answer=answer,
        )
        self._file.write(msgspec.json.encode(noted) + b"\n")
        self.operations.append(noted)
        return noted

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def of(self, outcome: Outcome) -> list[Operation]:
        """Return the operations that ended so."""
        return [operation for operation in self.operations if operation.outcome == outcome]

    def statuses(self) -> Counter[int | None]:
        """Return how often each status was answered; None stands for no answer."""
        return Counter(operation.status for operation in self.operations)


def read_history(path: Path) -> list[Operation]:
    """Return the operations of a file; a last line that a kill cut short is left out."""
    lines = path.read_bytes().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n")]
    return [msgspec.json.decode(line, type=Operation) for line in whole]


class Findings(msgspec.Struct, frozen=True):
    """What is wrong with a history, by the names of operations; all empty where nothing is.

    Attributes:
        lost: acknowledged, and not there.
        resurrected: refused, and there.
        doubled: there more than once.
        invented: there, though nobody asked for it.
    """

    lost: frozenset[str]
    resurrected: frozenset[str]
    doubled: frozenset[str]
    invented: frozenset[str]

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.resurrected or self.doubled or self.invented)


def check(operations: Iterable[Operation], found: Collection[str]) -> Findings:
    """Compare a history with the names of the operations whose effect is `found`, one for each effect.

    An operation that was asked for several times (a retry under one key) is acknowledged if it ever was, and refused
    only if it always was.
    """
    outcomes: dict[str, set[Outcome]] = {}
    for operation in operations:
        outcomes.setdefault(operation.operation, set()).add(operation.outcome)
    there = Counter(found)
    return Findings(
        lost=frozenset(name for name, seen in outcomes.items() if "ok" in seen and not there[name]),
        resurrected=frozenset(name for name, seen in outcomes.items() if seen == {"fail"} and there[name]),
        doubled=_repeated(there),
        invented=frozenset(there.keys() - outcomes.keys()),
    )


def percentile(values: Collection[float], part: float) -> float:
    """Return the value that `part` (0 to 1) of `values` do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def _repeated(counter: Counter[str]) -> frozenset[str]:
    return frozenset(name for name, count in counter.items() if count > 1)
