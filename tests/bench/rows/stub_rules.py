"""What many rules cost: a thousand that each answer another licence, against one."""

from statistics import median
from typing import Final

from tests.bench.bench import Bench
from tests.bench.load import Pressed, press, warm_up
from tests.bench.report import Goal, Report
from tests.bench.rows.stubbing import CONTROLLED, LICENCE, STUBBED, add, reset, rule
from tests.bench.servers import Server

MANY: Final = 1_000
KINDS: Final = {
    "by the very value": lambda number: {"method": "GET", "path": LICENCE, "query": _number("equals", number)},
    "by expressions": lambda number: {"method": "GET", "path": LICENCE, "query": _number("matches", number)},
}
"""How a rule tells its licence; expressions cannot be looked up, and each has to be tried."""


def measure(bench: Bench) -> Report:
    """Measure one rule and a thousand, round after round; every request is answered by a rule of its own."""
    deployment = bench.deployment("stub-rules", ["verification"])
    results: dict[str, list[tuple[Pressed, Pressed]]] = {kind: [] for kind in KINDS}
    with bench.hexastar("stub-rules", deployment, CONTROLLED) as server:
        for _ in range(bench.effort.rounds):
            for kind in KINDS:
                results[kind].append(_round(server, kind, bench.effort.seconds))
    lines = []
    ratios = {}
    for kind, rounds in results.items():
        one, many = (
            [median(getattr(pressed[place], name) for pressed in rounds) for name in _FIGURES] for place in (0, 1)
        )
        ratios[kind] = many[1] / one[1]
        lines += [[f"1 rule, {kind}", *_shown(one)], [f"{MANY} rules, {kind}", *_shown(many)]]
    return Report(
        "Rules that overlay one route, one process, 32 connections",
        ("", "requests/s", "p50 ms", "p99 ms"),
        lines,
        [Goal(f"p50 with {MANY} rules against one, by the very value", ratios["by the very value"], at_most=2)],
        [f"by expressions: {ratios['by expressions']:.2f} x"],
    )


_FIGURES: Final = ("requests_per_second", "p50_ms", "p99_ms")


def _round(server: Server, kind: str, seconds: int) -> tuple[Pressed, Pressed]:
    reset(server)
    match = KINDS[kind]
    add(server, rule({"method": "GET", "path": LICENCE}))
    warm_up(server, STUBBED)
    one = press(server, STUBBED, seconds)
    reset(server)
    for number in range(1, MANY + 1):
        add(server, rule(match(number)))
    warm_up(server, STUBBED)
    many = press(server, STUBBED, seconds)
    reset(server)
    return one, many


def _number(operation: str, number: int) -> dict[str, dict[str, str]]:
    return {"license_number": {operation: f"LIC-{number:06d}"}}


def _shown(figures: list[float]) -> list[str]:
    rate, p50, p99 = figures
    return [f"{rate:.0f}", f"{p50:.2f}", f"{p99:.2f}"]
