"""Over several processes: whichever a client asks, the journal tells what every one of them was asked before."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from core.testing.application import running_application
from core.testing.migrated import environ_for_tests
from core.testing.waiting import until
from plugins.verification.stub.service.circle import NAME
from plugins.verification.stub.service.control import control_of
from tests.plugins.verification.stub.journals import entry

REQUESTS = "/api/v1/_stub/requests"
VERIFY = "/api/v1/doctors/psv/verify"


@pytest.fixture
async def three(application, database, hexastar_config, hexastar_environ, tmp_path):
    """Three applications on one database, each as a process of its own would be."""
    async with AsyncExitStack() as stack:
        running = [application]
        for number in range(2):
            environ = environ_for_tests(database, hexastar_environ, tmp_path / str(number))
            running.append(await stack.enter_async_context(running_application(str(hexastar_config), environ)))
        clients = [await stack.enter_async_context(one.admin_client()) for one in running]
        for client in clients:
            await client.get(VERIFY)  # from its first request on, a process has a part in the journal
        await until(lambda: _listening(application, 3))
        await clients[0].delete(REQUESTS)
        yield running, clients


async def _listening(application, count):
    connection = await application.services.storage.connect(application_name="test")
    try:
        found = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()", NAME
        )
    finally:
        await connection.close()
    return found >= count


async def count(client):
    return (await client.post(f"{REQUESTS}/count", json={})).json()["count"]


async def test_what_was_asked_of_one_process_the_others_tell_at_once(three):
    _, clients = three
    for number in range(1, 11):
        await clients[number % 3].get(VERIFY)
        assert [await count(client) for client in clients] == [number] * 3


async def test_processes_that_ask_one_another_at_once_all_get_the_whole(three):
    running, clients = three
    for one in running:
        for _ in range(50):
            control_of(one.services).journal.record(entry())
    counts = await asyncio.gather(*(count(client) for client in clients for _ in range(5)))
    assert counts == [150] * 15


async def test_what_is_deleted_is_deleted_of_every_process(three):
    running, clients = three
    for one in running:
        control_of(one.services).journal.record(entry())
    await clients[0].delete(REQUESTS)
    assert [control_of(one.services).journal.waiting for one in running] == [0, 0, 0]
    assert await count(clients[1]) == 0


async def test_a_process_that_cannot_hear_writes_by_itself_and_hears_again(three):
    running, clients = three
    connection = await running[0].services.storage.connect(application_name="test")
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = $1 AND datname = current_database()",
            NAME,
        )
    finally:
        await connection.close()
    control_of(running[1].services).journal.record(entry())

    async def is_told():
        return await count(clients[0]) == 1

    await until(is_told)
    await until(lambda: _listening(running[0], 3))
    control_of(running[2].services).journal.record(entry())
    assert await count(clients[0]) == 2


async def test_one_that_does_not_answer_is_waited_for_a_moment_only(three, figure):
    running, clients = three
    await control_of(running[2].services).circle.journal._writing.acquire()  # as in a process that is stuck
    try:
        began = asyncio.get_running_loop().time()
        assert await count(clients[0]) == 0
        figure(
            "stub", "a journal read beside a stuck process", asyncio.get_running_loop().time() - began, "s", at_most=1
        )
    finally:
        control_of(running[2].services).circle.journal._writing.release()
