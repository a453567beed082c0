"""Contestants pressed in turn, round after round, so that what disturbs the machine disturbs them alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from tests.bench.effort import Effort
from tests.bench.load import Load, Pressed, press, warm_up
from tests.bench.servers import Server


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server and the load that it is measured under."""

    name: str
    server: Server
    load: Load


def contest(contestants: Sequence[Contestant], effort: Effort) -> dict[str, Pressed]:
    """Return the medians of each contestant by its name; every round begins with another one."""
    for contestant in contestants:
        warm_up(contestant.server, contestant.load)
    return medians(rounds(contestants, effort))


def rounds(contestants: Sequence[Contestant], effort: Effort) -> dict[str, list[Pressed]]:
    """Return what each contestant showed, round by round; every round begins with another one."""
    samples: dict[str, list[Pressed]] = {contestant.name: [] for contestant in contestants}
    for turn in range(effort.rounds):
        first = turn % len(contestants)
        for contestant in [*contestants[first:], *contestants[:first]]:
            samples[contestant.name].append(press(contestant.server, contestant.load, effort.seconds))
    return samples


def medians(samples: dict[str, list[Pressed]]) -> dict[str, Pressed]:
    """Return the medians of each contestant by its name."""
    return {name: _medians(pressed) for name, pressed in samples.items()}


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio taken in each round by itself: the median, and the quartiles below and above it."""

    value: float
    lower: float
    upper: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.lower:.3f} to {self.upper:.3f})"


def paired(measured: Sequence[Pressed], against: Sequence[Pressed], figure: Callable[[Pressed], float]) -> Ratio:
    """Return the ratio of a figure within each round, so that what changes from round to round drops out of it."""
    ratios = [figure(one) / figure(other) for one, other in zip(measured, against, strict=True)]
    if len(ratios) == 1:
        return Ratio(ratios[0], ratios[0], ratios[0])
    lower, middle, upper = quantiles(ratios, n=4, method="inclusive")
    return Ratio(middle, lower, upper)


def _medians(samples: Sequence[Pressed]) -> Pressed:
    return Pressed(
        median(sample.requests_per_second for sample in samples),
        median(sample.p50_ms for sample in samples),
        median(sample.p99_ms for sample in samples),
        median(sample.cpu_us for sample in samples),
    )


COLUMNS = ("", "requests/s", "ratio", "p50 ms", "p99 ms", "CPU µs/request")


def lines(results: dict[str, Pressed], yardstick: str) -> list[list[str]]:
    """Return the rows of a table with `COLUMNS`; ratios are of requests/s against the yardstick's."""
    base = results[yardstick].requests_per_second
    return [
        [
            name,
            f"{pressed.requests_per_second:.0f}",
            f"{pressed.requests_per_second / base:.2f}",
            f"{pressed.p50_ms:.2f}",
            f"{pressed.p99_ms:.2f}",
            f"{pressed.cpu_us:.0f}",
        ]
        for name, pressed in results.items()
    ]
