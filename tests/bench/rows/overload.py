"""Three times more than the server can do: what it takes on it does in time, and the rest it refuses at once."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from tests.bench.bench import Bench
from tests.bench.load import press
from tests.bench.processes import Program, run
from tests.bench.report import Goal, Report
from tests.bench.rows.licences import LOOKUP
from tests.bench.servers import Server

TIMES: Final = 3
CONNECTIONS: Final = 600
CALM: Final = 0.1
"""The part of the capacity at which the server is looked at before and after."""

RECOVERED: Final = 3.0
"""How many times its p99 before the server's p99 may be, once it is said to be back."""

PATIENCE: Final = 30.0
COLUMNS: Final = ("", "requests/s", "accepted", "refused", "accepted p99 ms", "refused p50 ms", "refused p99 ms")


def measure(bench: Bench) -> Report:
    """Measure the capacity in a closed loop, then offer three times as much in an open one, from another process."""
    seconds = bench.effort.seconds * 2
    with bench.hexastar("overload", bench.deployment("overload", ["verification"])) as server:
        press(server, LOOKUP, bench.effort.seconds)
        capacity = press(server, LOOKUP, bench.effort.seconds).requests_per_second
        before, memory = _offered(server, capacity * CALM, 2), server.megabytes()
        under = _offered(server, capacity * TIMES, seconds)
        grown = server.megabytes() - memory
        ended = time.monotonic()
        while (after := _offered(server, capacity * CALM, 1))["accepted_p99_ms"] > RECOVERED * before[
            "accepted_p99_ms"
        ]:
            if time.monotonic() > ended + PATIENCE:
                break
        recovery = time.monotonic() - ended - 1
    lost = sum(under[name] for name in ("malformed", "broken", "unanswered"))
    others = sum(count for status, count in under["statuses"].items() if status not in {"200", "429", "503"})
    loads = {"a tenth": (capacity * CALM, before), "three times": (capacity * TIMES, under), "after": (0, after)}
    return Report(
        f"Overload, licence lookup, one process, capacity {capacity:.0f} requests/s",
        COLUMNS,
        [_line(name, rate, outcome) for name, (rate, outcome) in loads.items()],
        [
            Goal("p99 of what was accepted", under["accepted_p99_ms"] / 1000, at_most=1.5, unit="s"),
            Goal("p99 of refusals", under["refused_p99_ms"], at_most=100, unit="ms"),
            Goal("neither accepted nor refused as documented", others + lost, at_most=0, unit="requests"),
            Goal("memory growth", grown, at_most=64, unit="MB"),
            Goal("time until it is as before", max(0.0, recovery), at_most=5, unit="s"),
        ],
        ["times count from when a request was due; the machine's other core sends the load"],
    )


def _offered(server: Server, rate: float, seconds: float) -> dict[str, Any]:
    headers = [f"--header={name}: {value}" for name, value in LOOKUP.headers.items()]
    arguments = [sys.executable, "-m", "tests.bench.open_loop", str(server.port), LOOKUP.first_path(), *headers]
    arguments += [f"--rate={rate}", f"--seconds={seconds}", f"--connections={CONNECTIONS}"]
    outcome: dict[str, Any] = json.loads(run("open loop", Program(arguments), seconds=seconds + 60).splitlines()[-1])
    return outcome


def _line(name: str, rate: float, outcome: Mapping[str, Any]) -> list[str]:
    statuses: Mapping[str, int] = outcome["statuses"]
    accepted = statuses.get("200", 0)
    figures = [outcome[key] for key in ("accepted_p99_ms", "refused_p50_ms", "refused_p99_ms")]
    return [
        name,
        f"{rate:.0f}",
        str(accepted),
        str(sum(statuses.values()) - accepted),
        *(f"{ms:.0f}" for ms in figures),
    ]
