"""One row inserted by HTTP: the unit of work by each of its doors, against BEGIN, INSERT and COMMIT by hand."""

from contextlib import ExitStack
from typing import Final

from tests.bench.bench import Bench
from tests.bench.contest import COLUMNS, Contestant, contest, lines
from tests.bench.deployment import CREDENTIAL
from tests.bench.load import Load
from tests.bench.processes import BenchError
from tests.bench.report import Goal, Report

BARE: Final = "BEGIN, INSERT, COMMIT; bare Litestar + asyncpg"
COMPILED: Final = "unit of work, compiled door"
SESSION: Final = "unit of work, session door, statement"
OBJECT: Final = "unit of work, session door, object"

PLUGIN: Final = "tests.bench.plugins.bench"
HEADERS: Final = CREDENTIAL | {"Content-Type": "application/json"}


def measure(bench: Bench) -> Report:
    """Measure the four; the routes of the unit of work are those of the bench's own plugin."""
    deployment = bench.deployment("inserts", [PLUGIN])
    deployment.migrate()
    bench.database.execute("TRUNCATE bench.notes")
    with ExitStack() as stack:
        ours = stack.enter_context(bench.hexastar("inserts-hexastar", deployment))
        bare = stack.enter_context(bench.peer("inserts-bare", bench.bare_litestar()))
        contestants = [
            Contestant(BARE, bare, _inserting("/bench/notes")),
            Contestant(COMPILED, ours, _inserting("/api/v1/bench/notes/compiled")),
            Contestant(SESSION, ours, _inserting("/api/v1/bench/notes/session")),
            Contestant(OBJECT, ours, _inserting("/api/v1/bench/notes/object")),
        ]
        results = contest(contestants, bench.effort)
    if not bench.database.value("SELECT count(*) FROM bench.notes"):
        raise BenchError("nothing was inserted")
    yardstick = results[BARE].requests_per_second
    return Report(
        "Insert by HTTP, one process each, 32 connections",
        COLUMNS,
        lines(results, BARE),
        [
            Goal(
                "compiled door against asyncpg by hand", results[COMPILED].requests_per_second / yardstick, at_least=0.7
            ),
            Goal(
                "session door against asyncpg by hand", results[SESSION].requests_per_second / yardstick, at_least=0.4
            ),
        ],
        ["the session door is judged by the same statement; adding a mapped object is printed for comparison"],
    )


def _inserting(path: str) -> Load:
    return Load(path, "POST", '{"label":"note {n}","number":7}', HEADERS, numbers=100_000)
