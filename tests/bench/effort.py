"""How much work a run of the bench does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """The length of a run.

    Attributes:
        rounds: how often each contestant is measured; the figures printed are medians over the rounds.
        seconds: how long a server is pressed in one round.
        jobs: how many jobs a worker is given in one round.
        pickups: how many single jobs an idle worker is given in one round.
        starts: how often a process is started to time its start.
        recorded: how many requests the journal is given.
    """

    rounds: int
    seconds: int
    jobs: int
    pickups: int
    starts: int
    recorded: int = 50_000


WHOLE = Effort(rounds=3, seconds=5, jobs=4_000, pickups=100, starts=5, recorded=1_000_000)
"""The effort behind the figures in the documentation: half an hour, of which the journal takes five minutes."""

QUICK = Effort(rounds=1, seconds=2, jobs=1_500, pickups=30, starts=2)
"""Enough to see that everything runs; the figures are hints."""
