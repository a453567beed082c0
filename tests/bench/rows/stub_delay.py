"""Delayed answers: how many a hundred clients get, and what others feel of it."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Final

from tests.bench.bench import Bench
from tests.bench.deployment import CREDENTIAL
from tests.bench.load import Load, press, warm_up
from tests.bench.report import Goal, Report
from tests.bench.rows.stubbing import CONTROLLED, DEGREES, LICENCE, STUBBED, add, reset, rule
from tests.bench.servers import Server

DELAY_MS: Final = 50
CLIENTS: Final = 100
IDEAL: Final = CLIENTS * 1000 / DELAY_MS
DELAYED: Final = dataclasses.replace(STUBBED, connections=CLIENTS)
UNDELAYED: Final = Load(DEGREES + "?doctor_id=DOC-{n}", headers=CREDENTIAL, numbers=1_000, connections=1)
"""A real handler that asks the database."""


def measure(bench: Bench) -> Report:
    """Measure a hundred clients on a delayed route, and one client on another route, alone and beside them."""
    deployment = bench.deployment("stub-delay", ["verification"])
    with bench.hexastar("stub-delay", deployment, CONTROLLED) as server:
        add(server, rule({"method": "GET", "path": LICENCE}, delay={"fixed": DELAY_MS}))
        try:
            rounds = [_round(server, bench.effort.seconds) for _ in range(bench.effort.rounds)]
        finally:
            reset(server)
    rate, delayed_p50, delayed_p99, cpu_us, alone, beside = (median(figures) for figures in zip(*rounds, strict=True))
    return Report(
        f"Delay of {DELAY_MS} ms, {CLIENTS} clients, one process",
        ("", "requests/s", "p50 ms", "p99 ms", "CPU µs/request"),
        [
            ["delayed route", f"{rate:.0f}", f"{delayed_p50:.2f}", f"{delayed_p99:.2f}", f"{cpu_us:.0f}"],
            ["undelayed route, alone", "", "", f"{alone:.2f}", ""],
            ["undelayed route, meanwhile", "", "", f"{beside:.2f}", ""],
        ],
        [
            Goal("delayed requests/s", rate, at_least=1_600, unit="requests/s"),
            Goal("p99 of an undelayed route meanwhile, above alone", beside - alone, at_most=5, unit="ms"),
        ],
        [f"the ideal is {IDEAL:.0f} requests/s"],
    )


def _round(server: Server, seconds: int) -> tuple[float, ...]:
    """Return rate, p50, p99 and CPU time of the delayed route by itself, and the other's p99 alone and meanwhile."""
    warm_up(server, DELAYED)
    warm_up(server, UNDELAYED)
    delayed = press(server, DELAYED, seconds)
    alone = press(server, UNDELAYED, seconds)
    with ThreadPoolExecutor(max_workers=1) as others:
        crowd = others.submit(press, server, DELAYED, seconds + 1)
        beside = press(server, UNDELAYED, seconds)
        crowd.result()
    return *dataclasses.astuple(delayed), alone.p99_ms, beside.p99_ms
