"""Bodies that are small to send and large to take: what ten at once cost in memory, and what others notice of it."""

import json
import sys
import threading
from typing import Any, Final

from tests.bench.bench import Bench
from tests.bench.deployment import ADMIN_KEY
from tests.bench.processes import Program, run
from tests.bench.report import Goal, Report
from tests.bench.servers import Server

SERVERS: Final = ("uvicorn", "granian")
COLUMNS: Final = ("", "growth MB", "others' p50 ms", "others' p99 ms", "answered wrongly")
SAMPLE_SECONDS: Final = 0.02


def measure(bench: Bench) -> Report:
    """Throw every bomb ten times at once, first to warm up, and watch the memory of each server."""
    outcomes = {}
    for kind in SERVERS:
        with bench.hexastar(f"bombs-{kind}", bench.deployment(f"bombs-{kind}", ["verification"], server=kind)) as one:
            _thrown(one)
            outcomes[kind] = _watched(one)
    return Report(
        "Ten bombs at once, one process",
        COLUMNS,
        [
            [kind, *(f"{outcome[key]:.0f}" for key in ("growth", "p50", "p99")), str(len(outcome["wrong"]))]
            for kind, outcome in outcomes.items()
        ],
        [Goal(f"peak growth, {kind}", outcome["growth"], at_most=100, unit="MB") for kind, outcome in outcomes.items()],
        ["growth is over what the server occupied after it had met each bomb once"],
    )


def _watched(server: Server) -> dict[str, Any]:
    before, over, seen = server.megabytes(), threading.Event(), [0.0]

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            seen.append(server.megabytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        outcome = _thrown(server)
    finally:
        over.set()
        watcher.join()
    return {**outcome, "growth": max(0.0, max(seen) - before)}


def _thrown(server: Server) -> dict[str, Any]:
    arguments = [sys.executable, "-m", "tests.bench.bombing", str(server.port), ADMIN_KEY]
    outcome: dict[str, Any] = json.loads(run("bombs", Program(arguments), seconds=300).splitlines()[-1])
    return outcome
