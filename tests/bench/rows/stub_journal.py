"""The journal over very many requests: the server's memory, and the table."""

from typing import Final

from tests.bench.bench import Bench
from tests.bench.load import press, warm_up
from tests.bench.processes import BenchError
from tests.bench.report import Goal, Report
from tests.bench.rows.stubbing import CONTROLLED, LICENCE, STUBBED, add, reset, rule
from tests.bench.servers import Server

BOUND: Final = 10_000
SAMPLES: Final = 10
ROWS: Final = "SELECT count(*) FROM verification.stub_request_journal"
NEWEST: Final = "SELECT max(seq) FROM verification.stub_request_journal"
SIZE: Final = "SELECT pg_total_relation_size('verification.stub_request_journal') / 2.0 ^ 20"


def measure(bench: Bench) -> Report:
    """Send so many requests, and look at memory and table after each tenth of them."""
    wanted = bench.effort.recorded
    deployment = bench.deployment("stub-journal", ["verification"])
    with bench.hexastar("stub-journal", deployment, CONTROLLED) as server:
        add(server, rule({"method": "GET", "path": LICENCE}))
        try:
            samples = _samples(bench, server, wanted)
        finally:
            reset(server)
    memory = [sample[1] for sample in samples]
    settled = memory[len(memory) // 5 :]  # the first samples see caches and connections come
    return Report(
        f"Journal over {wanted:,} requests, bound of {BOUND:,} rows, one process, 32 connections",
        ("requests", "server MiB", "rows", "table MiB"),
        [[str(figure) for figure in sample] for sample in samples],
        [
            Goal("growth of the server's memory once settled", max(settled) - settled[0], at_most=8, unit="MiB"),
            Goal("most rows in the table", max(sample[2] for sample in samples) / BOUND, at_most=1.2),
            Goal("table", max(sample[3] for sample in samples), at_most=256, unit="MiB"),
        ],
        [
            "the table is looked at while it is written: beside its bound it holds what came since it was last trimmed",
        ],
    )


def _samples(bench: Bench, server: Server, wanted: int) -> list[tuple[int, float, int, float]]:
    """Return requests so far, the server's memory, rows and size of the table: a line for each tenth.

    Raises:
        BenchError: the journal was not given every request.
    """
    warm_up(server, STUBBED)
    before = bench.database.value(NEWEST) or 0
    sent, samples = 0, []
    while sent < wanted:
        seconds = 2 if bench.effort.rounds == 1 else 5
        sent += round(press(server, STUBBED, seconds).requests_per_second * seconds)
        if sent >= wanted * (len(samples) + 1) / SAMPLES:
            rows, size = bench.database.value(ROWS), float(bench.database.value(SIZE))
            samples.append((sent, round(server.megabytes(), 1), int(rows), round(size, 1)))
    written = (bench.database.value(NEWEST) or 0) - before
    if written < 0.95 * sent:
        raise BenchError(f"of {sent} requests, {written} were written to the journal")
    return samples
