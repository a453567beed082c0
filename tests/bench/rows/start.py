"""How long importing takes, and how long it takes from a command to the first 200."""

import sys
from statistics import median
from typing import Final

from tests.bench.bench import Bench
from tests.bench.processes import Program, run
from tests.bench.report import Goal, Report
from tests.bench.servers import HOST, Launch

TIMED_IMPORT: Final = "from time import perf_counter as t; began = t(); import {module}; print(t() - began)"


def measure(bench: Bench) -> Report:
    """Measure both in fresh processes, in turn."""
    imports: dict[str, list[float]] = {"app": [], "litestar": []}
    starts: dict[str, list[float]] = {"hexastar run": [], "litestar run": []}
    deployment = bench.deployment("start", ["verification"])
    for _ in range(bench.effort.starts + 1):
        for module, seconds in imports.items():
            seconds.append(_import_seconds(module))
        with bench.hexastar("start-hexastar", deployment) as server:
            starts["hexastar run"].append(server.start_seconds)
        with bench.peer("start-bare", _litestar_run(bench)) as server:
            starts["litestar run"].append(server.start_seconds)
    # The first of each found nothing in the file system's cache.
    figures = {name: median(seconds[1:]) for name, seconds in (imports | starts).items()}
    return Report(
        "Start, warm",
        ("", "seconds"),
        [
            ["import litestar", f"{figures['litestar']:.2f}"],
            ["import app", f"{figures['app']:.2f}"],
            ["litestar run, bare, to the first 200", f"{figures['litestar run']:.2f}"],
            ["hexastar run to the first 200", f"{figures['hexastar run']:.2f}"],
        ],
        [
            Goal("import app against import litestar", figures["app"] / figures["litestar"], at_most=1.6),
            Goal(
                "first 200 later than bare Litestar's",
                figures["hexastar run"] - figures["litestar run"],
                at_most=2,
                unit="s",
            ),
        ],
    )


def _import_seconds(module: str) -> float:
    return float(run(f"import {module}", Program([sys.executable, "-c", TIMED_IMPORT.format(module=module)])))


def _litestar_run(bench: Bench) -> Launch:
    arguments = ("--app", "bare_litestar:app", "run", "--host", HOST, "--port")
    return lambda port: bench.peer_program("litestar", *arguments, str(port))
