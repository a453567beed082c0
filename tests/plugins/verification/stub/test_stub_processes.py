"""Over several server processes: one rule book, one transition, and delays that cost nothing."""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from core.testing.database import create_clone, drop_database
from core.testing.migrated import template_name
from core.testing.waiting import until
from tests.faults.kit.processes import environment, server
from tests.plugins.verification.stub.stubs import LICENSE, STUB, by, rule, save

ADMIN_KEY = "an admin key that tests know"
LISTENER = "SELECT pid FROM pg_stat_activity WHERE application_name = 'hexastar stub rules' AND datname = $1"


@pytest.fixture(scope="module")
async def own_database(database, postgres_server, hexastar_config, hexastar_environ):
    """A database of these servers' own."""
    assert database
    name = "stub_processes"
    yield await create_clone(postgres_server, template_name(hexastar_config, hexastar_environ), name), name
    await drop_database(postgres_server, name)


@pytest.fixture(scope="module")
async def servers(own_database):
    """Two servers of one deployment."""
    dsn, _ = own_database
    environ = environment(dsn, "verification", ADMIN_KEY=ADMIN_KEY)
    with tempfile.TemporaryDirectory(prefix="hexastar-") as folder:
        async with AsyncExitStack() as stack:
            starting = [
                stack.enter_async_context(server(Path(folder), environ, name=f"server-{number}")) for number in range(2)
            ]
            yield [await each for each in starting]


@pytest.fixture
async def clients(servers):
    """An administrator's client of each server; what it leaves behind is taken away."""
    async with AsyncExitStack() as stack:
        limits = httpx.Limits(max_connections=120)
        opened = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=each.url, headers={"X-API-Key": ADMIN_KEY}, limits=limits, timeout=30)
            )
            for each in servers
        ]
        yield opened
        for client in opened:
            await client.post(f"{STUB}/reset")


@pytest.fixture(autouse=True)
def clean_rules():
    """The application of this process has no part in these tests."""


async def test_what_one_process_took_the_others_work_by_and_itself_at_once(clients):
    one, other = clients
    assert await by(other) is None
    for number in range(3):
        await save(one, rule(f"rule {number}"))
        assert await by(one) == f"rule {number}"
        await until(lambda wanted=f"rule {number}": _is(other, wanted))
    await other.post(f"{STUB}/reset")
    assert await by(other) is None
    await until(lambda: _is(one, None))


async def test_the_first_requests_of_a_process_find_the_rules(clients, own_database, tmp_path):
    await save(clients[0], rule("there before"))
    environ = environment(own_database[0], "verification", ADMIN_KEY=ADMIN_KEY)
    limits = httpx.Limits(max_connections=30)
    async with (
        server(tmp_path, environ, name="late") as late,
        httpx.AsyncClient(base_url=late.url, limits=limits, timeout=30) as client,
    ):
        assert await asyncio.gather(*(by(client) for _ in range(30))) == ["there before"] * 30


async def test_a_process_that_does_not_hear_looks_and_hears_again(clients, own_database):
    """Its listening connection is cut, then it takes a while to be back: rules stay, and changes are seen."""
    one, other = clients
    dsn, name = own_database
    await save(one, rule("before"))
    await until(lambda: _is(other, "before"))
    connection = await asyncpg.connect(dsn.reveal())
    try:
        listening = {row["pid"] for row in await connection.fetch(LISTENER, name)}
        assert len(listening) == 2
        for pid in listening:
            await connection.execute("SELECT pg_terminate_backend($1)", pid)
        assert await by(one) == await by(other) == "before"
        await save(one, rule("meanwhile"))
        await until(lambda: _is(other, "meanwhile"))

        async def both_listen_again():
            return len({row["pid"] for row in await connection.fetch(LISTENER, name)} - listening) == 2

        await until(both_listen_again)
    finally:
        await connection.close()
    await save(one, rule("after"))
    await until(lambda: _is(other, "after"))


async def test_fifty_parallel_requests_of_one_key_over_two_processes_make_one_transition(clients, full, figure):
    step = {"name": "claim", "key_from": "query.doctor_id"}
    await save(clients[0], rule("first", scenario={**step, "required_state": "Started", "new_state": "taken"}))
    await save(clients[0], rule("later", scenario={**step, "required_state": "taken"}))
    await until(lambda: _is(clients[1], "first", params={"doctor_id": "warm-up"}))
    rounds, transitions = (40 if full else 5), []
    for number in range(rounds):
        asked = [by(clients[each % 2], params={"doctor_id": f"D{number}"}) for each in range(50)]
        told = await asyncio.gather(*asked)
        transitions.append(told.count("first"))
        assert told.count("later") == 49
    assert transitions == [1] * rounds
    figure("", f"transitions of 50 parallel requests on one key, two processes, {rounds} keys, most", max(transitions))


async def test_a_rule_is_used_up_exactly_over_two_processes(clients):
    saved = await save(clients[0], rule("twenty", times=20))
    await until(lambda: _knows(clients[1], saved["id"]))
    asked = [by(clients[each % 2]) for each in range(60)]
    told = await asyncio.gather(*asked)
    used = (await clients[0].get(f"{STUB}/rules/{saved['id']}")).json()["used"]
    assert told.count("twenty") == 20 - PEEKS
    assert used == 20


PEEKS = 1
"""Uses that finding out whether the other process knows the rule takes."""


async def test_delayed_answers_hold_up_nothing(clients, figure, full):
    """A hundred answers that wait at once: all are waiting together, and another request passes them by."""
    client = clients[0]
    await save(client, rule("slow", query={"doctor_id": "slow"}, response={"json": {}, "delay": {"fixed": 400}}))
    began = time.monotonic()
    waiting = [asyncio.create_task(client.get(LICENSE, params={"doctor_id": "slow"})) for _ in range(100)]
    await asyncio.sleep(0.05)
    quick = await client.get("/health/live")
    passed = sum(not task.done() for task in waiting)
    answers = await asyncio.gather(*waiting)
    seconds = time.monotonic() - began
    assert quick.status_code == 200
    assert passed > 0
    assert {answer.status_code for answer in answers} == {200}
    figure("", "100 answers that wait 0.4 s each, together", seconds, "s", at_most=2)


async def test_who_leaves_a_delayed_answer_ends_it(clients):
    """What waited is noted as left by its client, long before the delay is over."""
    client = clients[0]
    for headers in ({"X-Stub-Delay-Ms": "60000"}, {"X-Stub-Fault": "timeout"}):
        session = f"left-{len(headers)}-{next(iter(headers))}"
        with pytest.raises(httpx.ReadTimeout):
            await client.get(LICENSE, headers={**headers, "X-Stub-Session": session}, timeout=0.2)
        await until(lambda session=session: _left(client, session), seconds=5)


async def test_who_leaves_within_the_body_uses_no_rule_up(clients, servers):
    client, address = clients[0], urlsplit(servers[0].url)
    step = {"name": "left", "new_state": "moved"}
    parts = {"match": {"path": "/api/v1/insurance/claims/review"}, "response": {"json": 1}, "times": 1}
    saved = await save(client, {"name": "once", "scenario": step, **parts})
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST {parts['match']['path']} HTTP/1.1\r\nHost: {address.netloc}\r\nX-API-Key: {ADMIN_KEY}\r\n"
    controls = "X-Stub-Session: within\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    writer.write(f'{head}{controls}{{"a":'.encode())
    await writer.drain()
    writer.close()
    await until(lambda: _left(client, "within"), seconds=5)
    assert (await client.get(f"{STUB}/rules/{saved['id']}")).json()["used"] == 0
    [scenario] = (await client.get(f"{STUB}/scenarios")).json()["data"]
    assert scenario["instance_count"] == 0


async def _left(client, session):
    entries = (await client.get(f"{STUB}/requests", params={"session": session})).json()["data"]
    return [entry["status"] for entry in entries] == [499]


async def test_a_body_is_whole_for_the_handler_after_a_delay(clients):
    doctor = {"doctor_id": "late", "full_name": "A", "license_number": "late", "license_status": "active"}
    headers = {"X-Stub-Delay-Ms": "50"}
    answer = await clients[0].post("/api/v1/doctors/admin/add?upsert=true", json=doctor, headers=headers)
    assert answer.status_code in {200, 201}, answer.text


async def _is(client, name, **request):
    return await by(client, **request) == name


async def _knows(client, rule_id):
    return (await client.get(LICENSE)).headers.get("x-stub-rule") == rule_id
