"""What a receiver of spans costs that is away or hangs: the licence lookup against the same with a good one.

The difference that is asked for is smaller than what a busy machine makes of two equal servers. So there are many
rounds, each ratio is taken within its round, the servers are pressed long enough beforehand for the queue of spans to
be full and the exporter to be deep in its repetitions, and a second server with a good receiver shows what a ratio
between equals comes to.
"""

from contextlib import ExitStack
from dataclasses import replace
from typing import Final

from tests.bench.bench import Bench
from tests.bench.contest import COLUMNS, Contestant, Ratio, lines, medians, paired, rounds
from tests.bench.effort import QUICK
from tests.bench.load import Pressed, press
from tests.bench.report import Goal, Report
from tests.bench.rows.licences import LOOKUP
from tests.bench.traces import HANGING, receiving

HEALTHY: Final = "receiver healthy"
TWIN: Final = "receiver healthy, again"
DOWN: Final = "receiver down"
HANGS: Final = "receiver hangs"
NOWHERE: Final = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0.1",
}
ROUNDS: Final = 15
WARM_UP_SECONDS: Final = 12
"""Long enough to fill the queue of spans, and longer than the exporter tries to be rid of one batch."""


def measure(bench: Bench) -> Report:
    """Measure them, one process each."""
    quick = bench.effort == QUICK
    effort = bench.effort if quick else replace(bench.effort, rounds=max(bench.effort.rounds, ROUNDS))
    deployment = bench.deployment("exporter", ["verification"])
    with ExitStack() as stack:
        healthy = stack.enter_context(receiving(bench.folder, "healthy")).variables(0.1)
        hanging = stack.enter_context(receiving(bench.folder, "hanging", HANGING)).variables(0.1)
        contestants = [
            Contestant(name, stack.enter_context(bench.hexastar(name, deployment, variables)), LOOKUP)
            for name, variables in {HEALTHY: healthy, TWIN: healthy, DOWN: NOWHERE, HANGS: hanging}.items()
        ]
        for contestant in contestants:
            press(contestant.server, contestant.load, effort.seconds if quick else WARM_UP_SECONDS)
        samples = rounds(contestants, effort)
    ratios = {
        name: (
            paired(samples[name], samples[HEALTHY], _p99),
            paired(samples[name], samples[HEALTHY], _rate),
        )
        for name in (DOWN, HANGS, TWIN)
    }
    return Report(
        "A receiver of spans that is away, licence lookup, one process, 32 connections, traces 10 %",
        COLUMNS,
        lines(medians(samples), HEALTHY),
        [goal for name in (DOWN, HANGS) for goal in _goals(name, *ratios[name])],
        [
            f"{name}: p99 {tail}, requests/s {rate}; medians of {effort.rounds} rounds (quartiles)"
            for name, (tail, rate) in ratios.items()
        ],
    )


def _goals(name: str, tail: Ratio, rate: Ratio) -> list[Goal]:
    return [
        Goal(f"{name}: p99 against a healthy one", tail.value, at_most=1.05),
        Goal(f"{name}: requests/s against a healthy one", rate.value, at_least=0.95),
    ]


def _p99(pressed: Pressed) -> float:
    return pressed.p99_ms


def _rate(pressed: Pressed) -> float:
    return pressed.requests_per_second
