"""What a limit on every client costs: the licence lookup without one, and with one that nobody reaches."""

from contextlib import ExitStack
from typing import Final

from tests.bench.bench import Bench
from tests.bench.contest import COLUMNS, Contestant, contest, lines
from tests.bench.report import Goal, Report
from tests.bench.rows.licences import LOOKUP

WITHOUT: Final = "no limit"
WITH: Final = "limit of 100 000 000 an hour"
LIMIT: Final = {"HEXASTAR__HTTP__RATE_LIMIT": "{requests = 100000000, seconds = 3600}"}


def measure(bench: Bench) -> Report:
    """Measure both, side by side; all requests come from one client, whose count is in the database."""
    deployment = bench.deployment("limiter", ["verification"])
    with ExitStack() as stack:
        contestants = [
            Contestant(name, stack.enter_context(bench.hexastar(f"limiter-{number}", deployment, variables)), LOOKUP)
            for number, (name, variables) in enumerate({WITHOUT: {}, WITH: LIMIT}.items())
        ]
        results = contest(contestants, bench.effort)
    kept = results[WITH].requests_per_second / results[WITHOUT].requests_per_second
    return Report(
        "Rate limit of one client, licence lookup, one process, 32 connections",
        COLUMNS,
        lines(results, WITHOUT),
        [Goal("requests/s with a limit against none", kept, at_least=0.9)],
        ["tokens are leased in blocks, so that one request in some hundreds asks the database"],
    )
