"""Faults at random that can be replayed: the same seed gives the same sequence of faults and delays.

A sequence belongs to one process and starts afresh whenever the settings are put. Every request that neither asks for
a fault nor for a documented answer draws once, whether it fails or not.
"""

from collections.abc import Sequence
from random import Random
from typing import Annotated, Final

import msgspec

from plugins.verification.stub.rules.delays import Delay
from plugins.verification.stub.rules.faults import FaultName

_DEFAULT_FAULTS: Final[tuple[FaultName, ...]] = ("status-503", "status-500", "status-429")


class ChaosSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to every request of the three groups.

    Attributes:
        delay: how long every answer takes, unless a rule or a header says otherwise.
        fault_probability: the share of requests that fail.
        faults: what they fail with, each as likely as the others.
        random_seed: makes the sequence of faults and delays of each process the same again; none: another each time.
    """

    delay: Delay | None = None
    fault_probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    faults: Annotated[tuple[FaultName, ...], msgspec.Meta(min_length=1, max_length=6)] = _DEFAULT_FAULTS
    random_seed: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] | None = None


class Chaos:
    """Draws faults and delays."""

    def __init__(self, settings: ChaosSettings) -> None:
        self._probability = settings.fault_probability
        self._faults: Sequence[FaultName] = settings.faults
        self._delay = settings.delay
        # Two generators: how many delays are drawn depends on rules and headers, and must not shift the faults.
        self._fate = Random(settings.random_seed)  # noqa: S311 - for tests, not for secrets
        seed = None if settings.random_seed is None else f"delays {settings.random_seed}"
        self._patience = Random(seed)  # noqa: S311

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing ever happens."""
        return self._probability == 0.0 and self._delay is None

    def fault(self) -> FaultName | None:
        """Draw once: the fault that strikes this request, if one does."""
        if self._probability == 0.0:
            return None
        strikes, which = self._fate.random(), self._fate.random()
        return self._faults[int(which * len(self._faults))] if strikes < self._probability else None

    def seconds(self, delay: Delay | None) -> float:
        """Draw the seconds that an answer waits: by `delay` where a rule has one, else by the settings."""
        chosen = delay or self._delay
        return 0.0 if chosen is None else chosen.draw(self._patience)
