"""How a process learns of rules that others changed: by notification, and by a look where none came."""

import asyncio
from contextlib import asynccontextmanager

from core.testing.waiting import until
from plugins.verification.stub.service.keeper import RuleKeeper
from ports.errors import Unavailable
from tests.plugins.verification.stub.stubs import STUB, rule, save

NEVER, SOON = 3_600.0, 0.05
LISTENING = """
SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'hexastar stub rules' AND query LIKE 'LISTEN%'
"""


@asynccontextmanager
async def keeping(storage, poll):
    """A keeper as another process has one."""
    keeper = RuleKeeper(storage, poll)
    await keeper.start()
    try:
        yield keeper
    finally:
        await keeper.close()


def names(keeper):
    return [each.definition.name for each in keeper.book.rules]


async def test_a_notification_is_enough(admin_client, storage):
    async with keeping(storage, NEVER) as keeper:
        await listening(storage)
        await save(admin_client, rule("told"))
        await until(lambda: _are(keeper, ["told"]))
        await admin_client.put(f"{STUB}/settings", json={"fault_probability": 1})
        await until(lambda: _is(lambda: keeper.chaos.fault() is not None))
        await admin_client.post(f"{STUB}/reset")
        await until(lambda: _are(keeper, []))


async def test_a_look_is_enough(admin_client, storage):
    """Somebody changes rows without a word."""
    saved = await save(admin_client, rule("quiet"))
    async with keeping(storage, SOON) as keeper:
        assert names(keeper) == ["quiet"]
        connection = await storage.connect(application_name="test")
        await connection.execute("DELETE FROM verification.stub_rules WHERE id = $1", saved["id"])
        await connection.execute(
            "UPDATE verification.stub_settings SET revision = nextval('verification.stub_revision')"
        )
        await connection.close()
        await until(lambda: _are(keeper, []))


async def test_rules_that_did_not_change_are_not_compiled_again(admin_client, storage):
    await save(admin_client, rule("old"))
    async with keeping(storage, NEVER) as keeper:
        [old] = keeper.book.rules
        new = await save(admin_client, rule("new"))
        await until(lambda: _are(keeper, ["new", "old"]))
        assert keeper.book.rules[1] is old
        await admin_client.put(f"{STUB}/rules/{new['id']}", json=rule("newer"))
        await until(lambda: _are(keeper, ["newer", "old"]))
        assert keeper.book.rules[1] is old


class AwayStorage:
    """A store that goes away and comes back."""

    def __init__(self, storage):
        self._storage = storage
        self.away = False

    async def fetch_one(self, *arguments, **parameters):
        self._require()
        return await self._storage.fetch_one(*arguments, **parameters)

    async def fetch_all(self, *arguments, **parameters):
        self._require()
        return await self._storage.fetch_all(*arguments, **parameters)

    async def connect(self, **parameters):
        self._require()
        return await self._storage.connect(**parameters)

    def _require(self):
        if self.away:
            raise Unavailable("the database is away")


async def test_while_the_database_is_away_rules_stay_and_are_followed_again_after(admin_client, storage):
    await save(admin_client, rule("before"))
    away = AwayStorage(storage)
    async with keeping(away, SOON) as keeper:
        away.away = True
        await save(admin_client, rule("meanwhile"))
        await keeper.refresh()
        assert names(keeper) == ["before"]
        away.away = False
        await until(lambda: _are(keeper, ["meanwhile", "before"]))


async def test_whoever_comes_while_the_rules_are_first_read_waits_for_them(admin_client, storage):
    await save(admin_client, rule("there"))
    keeper = RuleKeeper(storage, NEVER)

    async def seen():
        await keeper.start()
        return names(keeper)

    try:
        assert await asyncio.gather(*(seen() for _ in range(20))) == [["there"]] * 20
    finally:
        await keeper.close()


async def test_an_application_starts_without_its_rules_where_the_database_is_away(admin_client, storage):
    await save(admin_client, rule("late"))
    away = AwayStorage(storage)
    away.away = True
    async with keeping(away, SOON) as keeper:
        assert keeper.is_idle
        away.away = False
        await until(lambda: _are(keeper, ["late"]))


async def listening(storage):
    """Return once the keeper listens."""
    connection = await storage.connect(application_name="test")
    try:

        async def is_there():
            return await connection.fetchval(LISTENING)

        await until(is_there)
    finally:
        await connection.close()


async def _are(keeper, wanted):
    return names(keeper) == wanted


async def _is(condition):
    return condition()
