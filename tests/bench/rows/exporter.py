"""What a receiver of spans costs that is away or hangs: the licence lookup against the same with a good one."""

from contextlib import ExitStack
from typing import Final

from tests.bench.bench import Bench
from tests.bench.contest import COLUMNS, Contestant, contest, lines
from tests.bench.report import Goal, Report
from tests.bench.rows.licences import LOOKUP
from tests.bench.traces import HANGING, receiving

HEALTHY: Final = "receiver healthy"
DOWN: Final = "receiver down"
HANGS: Final = "receiver hangs"
NOWHERE: Final = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0.1",
}


def measure(bench: Bench) -> Report:
    """Measure the three, one process each."""
    deployment = bench.deployment("exporter", ["verification"])
    with ExitStack() as stack:
        healthy = stack.enter_context(receiving(bench.folder, "healthy"))
        hanging = stack.enter_context(receiving(bench.folder, "hanging", HANGING))
        choices = {HEALTHY: healthy.variables(0.1), DOWN: NOWHERE, HANGS: hanging.variables(0.1)}
        contestants = [
            Contestant(name, stack.enter_context(bench.hexastar(name, deployment, variables)), LOOKUP)
            for name, variables in choices.items()
        ]
        results = contest(contestants, bench.effort)
    base = results[HEALTHY]
    return Report(
        "A receiver of spans that is away, licence lookup, one process, 32 connections, traces 10 %",
        COLUMNS,
        lines(results, HEALTHY),
        [
            goal
            for name in (DOWN, HANGS)
            for goal in (
                Goal(f"{name}: p99 against a healthy one", results[name].p99_ms / base.p99_ms, at_most=1.05),
                Goal(
                    f"{name}: requests/s against a healthy one",
                    results[name].requests_per_second / base.requests_per_second,
                    at_least=0.95,
                ),
            )
        ],
    )
