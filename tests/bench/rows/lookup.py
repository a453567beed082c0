"""The licence lookup: Hexastar with everything on, against the same service on other stacks."""

from contextlib import ExitStack
from typing import Final

from tests.bench.bench import Bench
from tests.bench.contest import COLUMNS, Contestant, contest, lines
from tests.bench.report import Goal, Report
from tests.bench.rows.licences import LOOKUP, require_same_answers
from tests.bench.servers import HOST, Launch
from tests.bench.traces import receiving

HEXASTAR: Final = "Hexastar, full stack, traces 10 %"
BARE: Final = "bare Litestar + asyncpg"
FASTAPI: Final = "FastAPI + SQLAlchemy"
FLASK: Final = "Flask + SQLAlchemy + gunicorn"


def measure(bench: Bench) -> Report:
    """Measure the four, one process each, on the same table."""
    deployment = bench.deployment("lookup", ["verification"])
    with ExitStack() as stack:
        sink = stack.enter_context(receiving(bench.folder))
        servers = {
            HEXASTAR: stack.enter_context(bench.hexastar("lookup-hexastar", deployment, sink.variables(0.1))),
            BARE: stack.enter_context(bench.peer("lookup-bare", bench.bare_litestar())),
            FASTAPI: stack.enter_context(bench.peer("lookup-fastapi", _fastapi(bench))),
            FLASK: stack.enter_context(bench.peer("lookup-flask", _flask(bench))),
        }
        contestants = [Contestant(name, server, LOOKUP) for name, server in servers.items()]
        require_same_answers(contestants)
        results = contest(contestants, bench.effort)
    ours, bare = results[HEXASTAR], results[BARE]

    def times(peer: str) -> float:
        return ours.requests_per_second / results[peer].requests_per_second

    return Report(
        "Licence lookup, one process each, 32 connections, uvicorn",
        COLUMNS,
        lines(results, BARE),
        [
            Goal("requests/s against bare Litestar + asyncpg", times(BARE), at_least=0.75),
            Goal("requests/s against FastAPI + SQLAlchemy", times(FASTAPI), at_least=3.5),
            Goal("requests/s against Flask + SQLAlchemy + gunicorn", times(FLASK), at_least=4.5),
            Goal("p99 against bare Litestar + asyncpg", ours.p99_ms / bare.p99_ms, at_most=1.5),
        ],
        ["Hexastar authenticates, traces, counts and logs every request; the peers do none of it"],
    )


def _fastapi(bench: Bench) -> Launch:
    return lambda port: bench.peer_program("python", "fastapi_sqlalchemy.py", HOST, str(port))


def _flask(bench: Bench) -> Launch:
    arguments = ("--workers=1", "--worker-class=gthread", "--threads=8", "flask_sqlalchemy:app")
    return lambda port: bench.peer_program("gunicorn", f"--bind={HOST}:{port}", *arguments)
