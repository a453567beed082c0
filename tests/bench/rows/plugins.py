"""What many plugins cost: start, memory and requests/s of 1, 20 and 200 generated ones."""

from contextlib import ExitStack
from statistics import median
from typing import Final

from tests.bench.bench import Bench
from tests.bench.contest import Contestant, contest
from tests.bench.deployment import CREDENTIAL, Deployment
from tests.bench.generated import generate, plugin_name
from tests.bench.load import Load
from tests.bench.report import Goal, Report

COUNTS: Final = (1, 20, 200)
GREETING: Final = Load(f"/api/v1/{plugin_name(0)}/greeting", headers=CREDENTIAL)
"""A route that does nothing, so that a cost a request and a plugin would show at its largest."""


def measure(bench: Bench) -> Report:
    """Measure the three deployments; their tables are there before any of them starts."""
    modules = generate(bench.folder, max(COUNTS))
    deployments = {
        count: bench.deployment(f"plugins-{count}", modules[:count], import_path=bench.folder) for count in COUNTS
    }
    deployments[max(COUNTS)].migrate()
    starts = {count: _start_seconds(bench, count, deployment) for count, deployment in deployments.items()}
    with ExitStack() as stack:
        servers = {
            count: stack.enter_context(bench.hexastar(f"plugins-{count}", deployment))
            for count, deployment in deployments.items()
        }
        results = contest([Contestant(str(count), server, GREETING) for count, server in servers.items()], bench.effort)
        memory = {count: server.megabytes() for count, server in servers.items()}
    few, some, many = COUNTS
    rates = {count: results[str(count)].requests_per_second for count in COUNTS}
    return Report(
        "Enabled plugins, each with one route, one job and one table",
        ("plugins", "start s", "memory MB", "requests/s", "ratio", "p99 ms"),
        [
            [
                str(count),
                f"{starts[count]:.2f}",
                f"{memory[count]:.1f}",
                f"{rates[count]:.0f}",
                f"{rates[count] / rates[few]:.2f}",
                f"{results[str(count)].p99_ms:.2f}",
            ]
            for count in COUNTS
        ],
        [
            Goal(f"requests/s of {many} plugins against {few}", rates[many] / rates[few], at_least=0.97),
            Goal(f"start of {many} plugins, more than {few}", starts[many] - starts[few], at_most=1, unit="s"),
        ],
        [
            f"memory a plugin from {few} to {some}: {_slope(memory, few, some):.2f} MB",
            f"memory a plugin from {some} to {many}: {_slope(memory, some, many):.2f} MB",
        ],
    )


def _start_seconds(bench: Bench, count: int, deployment: Deployment) -> float:
    seconds = []
    for _ in range(bench.effort.starts):
        with bench.hexastar(f"plugins-start-{count}", deployment) as server:
            seconds.append(server.start_seconds)
    return median(seconds)


def _slope(memory: dict[int, float], few: int, many: int) -> float:
    return (memory[many] - memory[few]) / (many - few)
