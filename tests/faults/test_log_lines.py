"""Every line that a server, a worker or a command lets out is one record that programs can join to the others."""

import json
import re
import socket
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import at_work, command, environment, free_port, jobs_ended, server, worker

PATIENCE = 90.0
ALWAYS = {
    "timestamp", "level", "event", "logger", "service.name", "service.version", "trace_id", "span_id", "request_id",
    "plugin", "principal",
}  # fmt: skip
LEVELS = {"debug", "info", "warning", "error", "critical"}
ASIDES = ("task", "callback", "thread", "unraisable", "warning", "print", "bad-record", "log")
EVIL = 'x\n{"level":"info","event":"forged"}\r\n\x1b[2J\x1b]0;t\x07\u2028\u2029\x85 \ud83d'
ADMIN = "the-admin-key-of-this-test"


def records(output: str) -> list[dict[str, Any]]:
    """Return every line as a record, or fail with those that are none."""
    lines = [line for line in output.split("\n") if line]
    found, broken = [], []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            broken.append(line)
            continue
        if is_whole(record):
            found.append(record)
        else:
            broken.append(line)
    assert broken == []
    return found


def is_whole(record: Any) -> bool:
    """Tell whether a record has every field that joins it to others, each of its kind."""
    return (
        isinstance(record, dict)
        and record.keys() >= ALWAYS
        and datetime.fromisoformat(record["timestamp"]).tzinfo == UTC
        and record["level"] in LEVELS
        and record["service.name"] == "hexastar"
        and bool(record["service.version"])
        and all(isinstance(record[name], str) for name in ALWAYS)
        and re.fullmatch("([0-9a-f]{32})?", record["trace_id"]) is not None
        and re.fullmatch("([0-9a-f]{16})?", record["span_id"]) is not None
    )


def of_request(found: Iterable[dict[str, Any]], request_id: str) -> list[dict[str, Any]]:
    return [record for record in found if record["request_id"] == request_id]


def errors(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record for record in found if record["level"] in {"error", "critical"}]


async def provoke(url: str) -> dict[str, int]:
    """Ask for every kind of answer; return the status of each request by its id."""
    answered: dict[str, int] = {}
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:

        async def send(method: str, path: str, **options: Any) -> None:
            try:
                answer = await client.request(method, path, **options)
            except httpx.RemoteProtocolError:
                return
            if request_id := answer.headers.get("x-request-id"):  # what Granian's parser refuses reaches nobody
                answered[request_id] = answer.status_code

        await send("GET", "/saboteur/fine")
        for way in ("error", "key", "group", "cause", "exit", "interrupt", "outrage", "cancel"):
            await send("POST", "/saboteur/fail", json={"way": way, "words": "these words"})
            await send("POST", "/saboteur/jobs/fail", json={"way": way, "words": "these words"})
        await send("POST", "/saboteur/thread", json={"words": "these words"})
        for way in ("invalid", "check", "session"):
            await send("POST", "/saboteur/write", json={"way": way, "words": "these words"})
        await send("POST", "/saboteur/garbage", json={"words": "these words"})
        await send("POST", "/saboteur/send", json={"words": "these words"})
        for way in ASIDES:
            await send("POST", "/saboteur/aside", json={"way": way, "words": "these words"})
        await send("POST", "/saboteur/stream", json={"way": "error", "words": "these words"})
        for headers in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer nobody"}, {"Authorization": b"\xff x"}):
            await send("GET", "/saboteur/secret", headers=headers)
        await send("GET", "/saboteur/secret", headers={"Authorization": "Bearer fail-error"})
        await send("GET", "/saboteur/rare")
        await send("GET", "/saboteur/rare")
        await send("GET", "/saboteur/nowhere")
        await send("FOO", "/saboteur/fine")
        await send("GET", f"/saboteur/letters/{'%0A%1B%5B2J' * 3}?q=%0a%1b", headers={"User-Agent": "\x1b[2J"})
        await send("POST", "/saboteur/fail", json={"way": "error", "words": EVIL.encode("utf-8", "replace").decode()})
    return answered


def check_requests(found: list[dict[str, Any]], answered: dict[str, int]) -> None:
    """Each failure has one line with its trace, and each refusal of a credential one event, without the credential."""
    told = Counter(record["request_id"] for record in errors(found) if "exception" in record and record["request_id"])
    failed = {request_id for request_id, status in answered.items() if status >= 500}
    assert failed
    assert {request_id: told[request_id] for request_id in failed} == dict.fromkeys(failed, 1)
    events = Counter(
        (record["request_id"], record["event_type"]) for record in found if record["logger"] == "hexastar.security"
    )
    kinds = {401: "auth_failed", 403: "access_denied", 429: "rate_limited"}
    expected = {(request_id, kinds[status]): 1 for request_id, status in answered.items() if status in kinds}
    assert {kind for _, kind in expected} >= {"auth_failed", "rate_limited"}
    assert events == expected
    for record in found:
        if record["logger"] == "hexastar.security":
            assert record["client"] == "127.0.0.1"
            assert record["route"].startswith("/saboteur/")
            assert record["trace_id"]
            assert not re.search("wrong|nobody|\xff", json.dumps(record, ensure_ascii=False))
    served = Counter(record["request_id"] for record in found if record["logger"] == "hexastar.access")
    assert {request_id: served[request_id] for request_id in answered} == dict.fromkeys(answered, 1)


async def test_every_line_of_a_server_and_a_worker_is_a_record(postgres, folder, full, figure) -> None:
    for which in ("uvicorn", "granian") if full else ("granian",):
        place = folder / which
        place.mkdir()
        await read_every_line(postgres, place, which, figure)


async def read_every_line(postgres: Cluster, folder: Path, which: str, figure: Any) -> None:
    dsn = await postgres.create_database(f"lines_{which}")
    environ = environment(dsn, "saboteur.plugin", SERVER=which, ADMIN_KEY=ADMIN)
    async with server(folder, environ, "--workers", "2") as serving, worker(folder, environ) as working:
        await at_work(dsn)
        answered = await provoke(serving.url)
        await jobs_ended(dsn, "saboteur")
        assert await serving.stop() == 0
        assert await working.stop() == 0
    found = records(serving.output())
    check_requests(found, answered)
    worked = records(working.output())
    attempts = [record for record in worked if record["logger"] == "core.jobs.runner"]
    assert attempts
    assert all(record["job_id"] and record["attempt"] and record["plugin"] == "saboteur" for record in attempts)
    assert {record["request_id"] for record in attempts} <= set(answered)
    loggers = {record["logger"] for record in found + worked}
    assert loggers >= {"alembic.runtime.migration", "asyncio", "stray", "py.warnings", "stdout", "stderr", "saboteur"}
    assert loggers & {"uvicorn.error", "_granian"}
    assert not [record for record in found if record["event"] == "forged"]
    figure("G47", f"lines that are records, {which}", len(found) + len(worked))


async def test_starts_that_fail_and_commands_tell_it_in_records(postgres, folder, full) -> None:
    dsn = await postgres.create_database("lines_failing")
    environ = environment(dsn, "saboteur.plugin")
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        code, output = await command(folder, environ, "run", "--port", str(occupied.getsockname()[1]))
    assert (code, [record["level"] for record in records(output)]) == (1, ["warning"])
    away = environ | {"HEXASTAR__ADAPTERS__STORAGE__POSTGRES__DSN": "postgresql://user:hush@127.0.0.1:1/none"}
    failing = environ | {"HEXASTAR__PLUGINS__SABOTEUR__START": "error"}
    for environ_of_failure in (away, failing):
        for arguments in (["run", "--port", str(free_port())], ["workers", "run"])[: 2 if full else 1]:
            code, output = await command(folder, environ_of_failure, *arguments)
            assert code != 0
            assert any("start" in record["event"] or "open" in record["event"] for record in records(output)), output
            assert "hush" not in output


async def test_a_command_prints_what_was_asked_for_and_logs_the_rest(postgres, folder) -> None:
    dsn = await postgres.create_database("lines_command")
    environ = environment(dsn, "saboteur.plugin")
    code, output = await command(folder, environ, "database", "upgrade")
    assert code == 0
    logged = [line for line in output.split("\n") if line.startswith("{")]
    assert {record["logger"] for record in records("\n".join(logged))} >= {"alembic.runtime.migration"}
    code, output = await command(folder, environ, "jobs", "list")
    assert (code, output) == (0, "There are none.\n")
