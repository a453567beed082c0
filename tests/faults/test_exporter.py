"""A receiver of spans that is away, hangs, refuses or raves costs no request, no memory and no process its end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import Server, environment, free_port, server
from tests.peers.otlp import OtlpSink, otlp_sink

MODES = ("ok", "down", "hang", "500", "429", "half", "huge")
QUEUE = 2048
BATCH = 512
TOLERATED = 64 * 2**20


@asynccontextmanager
async def exporting(folder: Any, dsn: Any, endpoint: str, **variables: str) -> AsyncIterator[Server]:
    environ = environment(dsn, "saboteur.plugin") | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_TRACES_SAMPLER": "always_on",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        **variables,
    }
    async with server(folder, environ) as serving:
        yield serving


async def spans_of(client: httpx.AsyncClient) -> dict[str, float]:
    """Return how many spans the server says it sent, could not send, dropped and keeps waiting."""
    text = (await client.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("app_telemetry_spans")]
    return {line.split('"')[1] if '"' in line else "waiting": float(line.rpartition(" ")[2]) for line in lines}


async def ask(serving: Server, count: int) -> list[int]:
    """Send that many requests, some at a time; return what was answered."""
    limits = httpx.Limits(max_connections=16)
    async with httpx.AsyncClient(base_url=serving.url, limits=limits, timeout=30) as client:
        answers: list[int] = []

        async def some(share: int) -> None:
            for _ in range(share):
                answer = await client.get("/saboteur/fine")
                answers.append(answer.status_code)

        await asyncio.gather(*(some(count // 16) for _ in range(16)))
    return answers


async def test_a_bad_receiver_costs_nothing(postgres, folder, full, figure) -> None:
    """Full: every way to be bad, and more requests; else those that could hold a process up."""
    for mode in MODES if full else ("hang",):
        place = folder / mode
        place.mkdir()
        await bear(postgres, place, figure, mode, 16_000 if full else 4_000)


async def bear(postgres: Cluster, folder: Path, figure: Any, mode: str, count: int) -> None:
    dsn = await postgres.create_database(f"exporter_{mode}")
    with otlp_sink() as sink:
        sink.behave(mode)
        endpoint = f"http://127.0.0.1:{free_port()}" if mode == "down" else sink.endpoint
        async with exporting(folder, dsn, endpoint) as serving:
            await ask(serving, 320)
            before = psutil.Process(serving.pid).memory_info().rss
            assert set(await ask(serving, count)) == {200}
            grown = psutil.Process(serving.pid).memory_info().rss - before
            async with httpx.AsyncClient(base_url=serving.url) as client:
                spans = await spans_of(client)
            began = time.monotonic()
            assert await serving.stop() == 0
            took = time.monotonic() - began
        check_counts(mode, spans, sink, count)
    figure("G45", f"memory grown over {count} requests, receiver {mode}", grown / 2**20, "MiB", at_most=64)
    figure("G45", f"from TERM to the end, receiver {mode}", took, "s", at_most=7)
    assert grown < TOLERATED
    assert "Traceback" not in serving.output()


def check_counts(mode: str, spans: dict[str, float], sink: OtlpSink, count: int) -> None:
    """What was recorded was sent, failed, dropped, or waits or is under way, and no more than a queue's worth does."""
    assert spans["waiting"] <= QUEUE
    told = spans["waiting"] + spans["sent"] + spans["failed"] + spans["dropped"]
    assert count <= told + BATCH
    if mode == "ok":
        assert spans["dropped"] == spans["failed"] == 0
        assert len(sink.spans()) >= count
    elif mode == "hang":
        assert spans["sent"] == 0
        assert spans["dropped"] > 0


async def test_the_standard_switch_turns_recording_off(postgres, folder) -> None:
    dsn = await postgres.create_database("exporter_off")
    with otlp_sink() as sink:
        async with exporting(folder, dsn, sink.endpoint, OTEL_SDK_DISABLED="true") as serving:
            assert set(await ask(serving, 160)) == {200}
            async with httpx.AsyncClient(base_url=serving.url) as client:
                assert set((await spans_of(client)).values()) == {0.0}
        assert sink.exports == 0
