"""Granian beside uvicorn, under Hexastar and under bare Litestar."""

from contextlib import ExitStack
from typing import Final

from tests.bench.bench import Bench
from tests.bench.contest import COLUMNS, Contestant, contest, lines
from tests.bench.report import Goal, Report
from tests.bench.rows.licences import LOOKUP

SERVERS: Final = ("uvicorn", "granian")


def measure(bench: Bench) -> Report:
    """Measure the licence lookup under each server, by both applications."""
    with ExitStack() as stack:
        contestants = []
        for server in SERVERS:
            deployment = bench.deployment(f"servers-{server}", ["verification"], server=server)
            ours = stack.enter_context(bench.hexastar(f"hexastar-{server}", deployment))
            bare = stack.enter_context(bench.peer(f"bare-{server}", bench.bare_litestar(server)))
            contestants += [Contestant(_ours(server), ours, LOOKUP), Contestant(_bare(server), bare, LOOKUP)]
        results = contest(contestants, bench.effort)
    return Report(
        "Granian beside uvicorn, licence lookup, one process each, 32 connections",
        COLUMNS,
        lines(results, _ours("uvicorn")),
        [
            Goal(
                f"p99 against bare Litestar + asyncpg, both under {server}",
                results[_ours(server)].p99_ms / results[_bare(server)].p99_ms,
                at_most=1.5,
            )
            for server in SERVERS
        ],
    )


def _ours(server: str) -> str:
    return f"Hexastar, {server}"


def _bare(server: str) -> str:
    return f"bare Litestar + asyncpg, {server}"
