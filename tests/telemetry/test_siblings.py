"""What several processes counted, as one of them tells it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as render

from core.telemetry.siblings import VARIABLE, Family, merged, shared_metrics, sharing


class Scrape(CollectorRegistry):
    """A registry of what a scrape tells."""

    def __init__(self, own: CollectorRegistry, folder: Path | None) -> None:
        super().__init__()
        self._own = own
        self._environ = {VARIABLE: str(folder)} if folder else {}

    def collect(self):
        return merged(self._own, self._environ)


def counted(times: int) -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("asked", "Asked.", ("route",), registry=registry).labels("/x").inc(times)
    Gauge("busy", "Busy.", registry=registry).set(times)
    Gauge("app_jobs_depth", "Measured by all.", ("queue",), registry=registry).labels("shop").set(times)
    Histogram("took", "Took.", registry=registry, buckets=(1.0,)).observe(times)
    return registry


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def leave(folder: Path, pid: int, registry: CollectorRegistry) -> None:
    """Leave what another process had counted."""
    families = [
        Family(one.name, one.documentation, one.type, [(s.name, s.labels, s.value) for s in one.samples])
        for one in registry.collect()
    ]
    (folder / f"{pid}-1.json").write_bytes(msgspec.json.encode(families))


def told(registry: CollectorRegistry) -> dict[str, float]:
    lines = [line for line in render(registry).decode().splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if "_created" not in line}


def test_alone_a_process_tells_what_it_counted() -> None:
    registry = counted(3)
    assert told(Scrape(registry, None)) == told(registry)


def test_counts_of_the_living_are_added_and_what_all_measure_is_told_once(tmp_path: Path) -> None:
    leave(tmp_path, os.getppid(), counted(5))
    scrape = told(Scrape(counted(3), tmp_path))
    assert scrape['asked_total{route="/x"}'] == 8
    assert scrape["busy"] == 8
    assert scrape['app_jobs_depth{queue="shop"}'] == 5
    assert scrape["took_sum"] == 8
    assert scrape['took_bucket{le="+Inf"}'] == 2


def test_of_the_dead_counts_are_kept_and_measurements_are_not(tmp_path: Path) -> None:
    leave(tmp_path, ended_process(), counted(5))
    scrape = told(Scrape(counted(3), tmp_path))
    assert scrape['asked_total{route="/x"}'] == 8
    assert scrape["busy"] == 3


def test_what_is_no_snapshot_is_passed_over(tmp_path: Path) -> None:
    for name in ("1-1.json", "words-1.json", "2-1.draft"):
        (tmp_path / name).write_bytes(b"{")
    assert told(Scrape(counted(3), tmp_path)) == told(counted(3))


async def test_a_process_keeps_its_snapshot_until_after_its_end(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    asked = Counter("asked", "Asked.", registry=registry)
    async with sharing(registry, {VARIABLE: str(tmp_path)}):
        await asyncio.sleep(0)
        asked.inc()
    (file,) = tmp_path.iterdir()  # noqa: ASYNC240 - nothing else runs
    assert b'["asked_total",{},1.0]' in file.read_bytes()


def test_a_place_to_meet_is_made_for_children_and_gone_after_them() -> None:
    with shared_metrics():
        folder = Path(os.environ[VARIABLE])
        assert folder.is_dir()
        with shared_metrics():
            assert os.environ[VARIABLE] == str(folder)
    assert VARIABLE not in os.environ
    assert not folder.exists()
