"""One answer for all processes of a server, since a scrape reaches any one of them.

Each process writes what it has counted to a folder of its server's, once a second; whoever is scraped adds the others'
to its own. What a process counted is kept when it has died, so that no total ever falls; what it measured is not.

`HEXASTAR_METRICS_DIR` names a folder for more than one server's processes: workers of the same machine, for example,
whose counts are otherwise seen by nobody.
"""

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from core.telemetry import names

VARIABLE: Final = "HEXASTAR_METRICS_DIR"
"""Tells the processes of a server where they meet; set by the one that starts them, unless it is set already."""

INTERVAL: Final = 1.0

_MEASURED_BY_ALL: Final = frozenset({names.JOBS_DEPTH, names.JOBS_OLDEST_AGE, "process_max_fds", "python_info"})
"""Gauges that every process measures of one and the same thing."""

Sample = tuple[str, dict[str, str], float]


class Family(msgspec.Struct, frozen=True, array_like=True):
    """The samples of one metric in one process."""

    name: str
    documentation: str
    kind: str
    samples: list[Sample]


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Give the processes that are started meanwhile a place to meet, unless they have one."""
    if VARIABLE in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="hexastar-metrics-") as folder:
        os.environ[VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[VARIABLE]


@asynccontextmanager
async def sharing(registry: CollectorRegistry, environ: Mapping[str, str] = os.environ) -> AsyncIterator[None]:
    """Keep this process's snapshot fresh; nothing where there are no others."""
    folder = environ.get(VARIABLE)
    if folder is None:
        yield
        return
    file = Path(folder) / f"{os.getpid()}-{time.time_ns()}.json"
    task = asyncio.create_task(_keep_writing(file, registry), name="hexastar-metrics")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        _write(file, registry)


def merged(registry: CollectorRegistry, environ: Mapping[str, str] = os.environ) -> Iterable[Metric]:
    """Return the families of this process, with those of the others of its server added."""
    folder = environ.get(VARIABLE)
    own = _families(registry)
    if folder is None:
        return [_metric(family) for family in own]
    return [_metric(family) for family in _sum([(own, True), *_others(Path(folder))])]


async def _keep_writing(file: Path, registry: CollectorRegistry) -> None:
    while True:
        _write(file, registry)
        await asyncio.sleep(INTERVAL)


def _write(file: Path, registry: CollectorRegistry) -> None:
    draft = file.with_suffix(".draft")
    with contextlib.suppress(OSError):  # the folder goes with the supervisor; there is nobody left to tell
        draft.write_bytes(msgspec.json.encode(_families(registry)))
        draft.replace(file)


def _families(registry: CollectorRegistry) -> list[Family]:
    return [
        Family(
            metric.name,
            metric.documentation,
            metric.type,
            [(one.name, one.labels, one.value) for one in metric.samples],
        )
        for metric in registry.collect()
    ]


def _others(folder: Path) -> Iterator[tuple[list[Family], bool]]:
    """Yield what each other process counted, and whether it lives."""
    for file in folder.glob("*.json"):
        pid = file.name.partition("-")[0]
        if pid.isdecimal() and int(pid) != os.getpid():
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                yield msgspec.json.decode(file.read_bytes(), type=list[Family]), _lives(int(pid))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _sum(processes: Iterable[tuple[list[Family], bool]]) -> Iterator[Family]:
    found: dict[str, Family] = {}
    totals: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for families, lives in processes:
        for family in families:
            if family.kind in {"gauge", "info", "unknown"} and not lives:
                continue
            found.setdefault(family.name, family)
            total = totals.setdefault(family.name, {})
            for name, labels, value in family.samples:
                key = (name, tuple(sorted(labels.items())))
                total[key] = _joined(family, name, total.get(key), value)
    for name, family in found.items():
        samples = [(sample, dict(labels), value) for (sample, labels), value in totals[name].items()]
        yield Family(name, family.documentation, family.kind, samples)


def _joined(family: Family, sample: str, before: float | None, value: float) -> float:
    if before is None:
        return value
    if sample.endswith("_created") or family.name == "process_start_time_seconds":
        return min(before, value)
    if family.kind == "info" or family.name in _MEASURED_BY_ALL:
        return max(before, value)
    return before + value


def _metric(family: Family) -> Metric:
    metric = Metric(family.name, family.documentation, family.kind)
    for name, labels, value in family.samples:
        metric.add_sample(name, labels, value)
    return metric
