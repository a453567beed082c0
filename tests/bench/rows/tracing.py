"""What tracing costs: the licence lookup with traces off, of a tenth of the requests, and of all."""

from contextlib import ExitStack
from typing import Final

from tests.bench.bench import Bench
from tests.bench.contest import COLUMNS, Contestant, contest, lines
from tests.bench.processes import BenchError
from tests.bench.report import Goal, Report
from tests.bench.rows.licences import LOOKUP
from tests.bench.traces import receiving

OFF: Final = "traces off"
TENTH: Final = "traces 10 %"
ALL: Final = "traces 100 %"


def measure(bench: Bench) -> Report:
    """Measure the three; recorded spans go over OTLP to a process of their own."""
    deployment = bench.deployment("tracing", ["verification"])
    with ExitStack() as stack:
        sinks = {name: stack.enter_context(receiving(bench.folder, name)) for name in ("tenth", "all")}
        choices = {OFF: {}, TENTH: sinks["tenth"].variables(0.1), ALL: sinks["all"].variables(1.0)}
        contestants = [
            Contestant(name, stack.enter_context(bench.hexastar(name, deployment, variables)), LOOKUP)
            for name, variables in choices.items()
        ]
        results = contest(contestants, bench.effort)
        received = {name: sink.received_bytes() for name, sink in sinks.items()}
    if not 0 < received["tenth"] < received["all"]:
        raise BenchError(f"traces did not arrive as asked for: {received}")
    off = results[OFF].requests_per_second
    return Report(
        "Tracing, licence lookup, one process, 32 connections",
        COLUMNS,
        lines(results, OFF),
        [
            Goal("10 % traced against none", results[TENTH].requests_per_second / off, at_least=0.92),
            Goal("100 % traced against none", results[ALL].requests_per_second / off, at_least=0.75),
        ],
        [f"the sink received {received['tenth']:,} bytes at 10 % and {received['all']:,} at 100 %"],
    )
