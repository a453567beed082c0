"""Job queues under measurement, each driven by commands of its own in processes of its own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.peers import stopwatch
from tests.bench.processes import Process, Program, run, running

INTERVAL: Final = 0.02
"""Seconds between two single jobs; an idle worker has gone back to waiting by then."""

SETTLING_SECONDS: Final = 1.5
"""How long a worker that has started is left alone before single jobs are sent to it."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: the program of its worker, that of its other commands, and how it is emptied."""

    name: str
    work: Program
    command: Callable[..., Program]
    empty: Callable[[], None]


@dataclass(frozen=True, slots=True)
class PickUps:
    """How long single jobs waited, from their commit to their start, in milliseconds."""

    p50_ms: float
    p99_ms: float


def throughput(queue: Queue, job: str, count: int, folder: Path) -> float:
    """Return how many jobs a second one worker starts, given many that wait already."""
    queue.empty()
    run(f"{queue.name} preload", queue.command("preload", job, str(count)))
    starts_file = folder / "starts.json"
    starts_file.unlink(missing_ok=True)
    with _worker(queue, count, starts_file, folder) as worker:
        worker.wait_for(starts_file.exists, f"running {count} jobs ({job})")
    starts = stopwatch.load(starts_file).values()
    return (len(starts) - 1) / (max(starts) - min(starts))


def pick_up(queue: Queue, count: int, folder: Path) -> PickUps:
    """Return how soon an idle worker starts jobs that come one at a time."""
    queue.empty()
    starts_file, commits_file = folder / "starts.json", folder / "commits.json"
    for file in (starts_file, commits_file):
        file.unlink(missing_ok=True)
    with _worker(queue, count, starts_file, folder) as worker:
        time.sleep(SETTLING_SECONDS)
        run(f"{queue.name} trickle", queue.command("trickle", str(count), str(INTERVAL), str(commits_file)))
        worker.wait_for(starts_file.exists, f"picking {count} single jobs up")
    starts, commits = stopwatch.load(starts_file), stopwatch.load(commits_file)
    waits = sorted(max(0.0, starts[number] - commits[number]) * 1000 for number in commits)
    return PickUps(median(waits), waits[int(len(waits) * 0.99)])


@contextmanager
def _worker(queue: Queue, count: int, starts_file: Path, folder: Path) -> Iterator[Process]:
    variables = {stopwatch.COUNT: str(count), stopwatch.OUTPUT: str(starts_file)}
    program = replace(queue.work, environment={**queue.work.environment, **variables})
    with running(f"worker-{queue.name}", program, folder) as worker:
        yield worker
