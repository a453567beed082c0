"""How long an answer is kept waiting: always the same, uniformly spread, or with a long tail. Milliseconds."""

from math import exp
from random import Random
from typing import Annotated, Final

import msgspec

MAX_DELAY: Final = 60_000
"""Milliseconds that an answer is kept waiting at most, whatever is drawn."""

Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=MAX_DELAY)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=MAX_DELAY)]


class Uniform(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any time between two bounds, all alike."""

    lower: Milliseconds
    upper: Milliseconds


class Lognormal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Times like those of a network: half are below the median, few are far above; `max` cuts the tail off."""

    median: Positive
    sigma: Annotated[float, msgspec.Meta(ge=0, le=10)]
    max: Positive = float(MAX_DELAY)


class Delay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A delay in milliseconds: exactly one of the members."""

    fixed: Milliseconds | None = None
    uniform: Uniform | None = None
    lognormal: Lognormal | None = None

    def faults(self) -> list[tuple[str, str]]:
        """Return what is wrong with it, as pairs of a JSON Pointer into it and the reason."""
        given = [member for member in (self.fixed, self.uniform, self.lognormal) if member is not None]
        if len(given) != 1:
            return [("", "Give exactly one of `fixed`, `uniform` and `lognormal`.")]
        if self.uniform is not None and self.uniform.lower > self.uniform.upper:
            return [("/uniform/upper", "`upper` is below `lower`.")]
        return []

    def draw(self, random: Random) -> float:
        """Return the seconds that one answer waits."""
        return min(self._milliseconds(random), MAX_DELAY) / 1000

    def _milliseconds(self, random: Random) -> float:
        if self.fixed is not None:
            return self.fixed
        if self.uniform is not None:
            return random.uniform(self.uniform.lower, self.uniform.upper)
        if self.lognormal is None:
            return 0.0
        deviate = random.gauss(0.0, self.lognormal.sigma)
        # The deviate is bounded before the power: e to the 60 is beyond any delay and far from an overflow.
        return min(self.lognormal.median * exp(min(deviate, 60.0)), self.lognormal.max)
