"""An operator has many dead jobs tried again: never unasked, so many at a click, with an honest count afterwards."""

import asyncio
import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.clock import new_id
from core.jobs.dead import AT_ONCE, DeadJobs
from core.keys import admin_key

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Origin": "http://testserver"}
PATH = "/console/jobs/retry"
NAME = "verification.send_notification"
INSERT = """
INSERT INTO core.jobs (id, name, lane, payload, state, attempts, max_attempts, error, key, uniqueness)
VALUES ($1, $2, 'verification', '{}', $3, 2, 2, 'it broke', $4::text, CASE WHEN $4 IS NOT NULL THEN 'until_done' END)
"""


@pytest.fixture
async def operator(application):
    """A browser whose user has signed in with the admin key."""
    async with application.client(BROWSER) as client:
        assert (await client.post("/login", data={"key": admin_key(application.services.config)})).status_code == 303
        yield client


@pytest.fixture
async def connection(storage):
    connection = await storage.connect(application_name="jobs")
    yield connection
    await connection.close()


async def make(connection: Any, count: int = 1, *, name: str = NAME, state: str = "dead", key: str | None = None):
    ids = [new_id() for _ in range(count)]
    await connection.executemany(INSERT, [(job_id, name, state, key) for job_id in ids])
    return ids


async def states(connection: Any, name: str = NAME) -> dict[str, int]:
    rows = await connection.fetch("SELECT state, count(*) FROM core.jobs WHERE name = $1 GROUP BY state", name)
    return {row["state"]: row["count"] for row in rows}


def told(page: str) -> list[str]:
    """Return the words of the page's notice, its heading and its buttons."""
    found = re.findall(r'role="status">(.*?)</p>|<h2 id="dead">(.*?)</h2>|<button[^>]*>(.*?)</button>', page, re.DOTALL)
    return [" ".join("".join(one).split()) for one in found]


async def test_the_console_leads_to_it_only_where_something_is_dead_and_one_may(
    operator, admin_client, client, connection
):
    assert PATH not in (await operator.get("/?state=dead")).text
    await make(connection)
    assert f'href="{PATH}"' in (await operator.get("/")).text
    assert f'href="{PATH}?plugin=verification"' in (await operator.get("/?state=dead&plugin=verification")).text
    assert PATH not in (await client.get("/")).text
    assert (await admin_client.get(PATH)).status_code == 200


async def test_looking_changes_nothing_and_says_what_a_click_would_do(operator, connection):
    await make(connection, 3)
    await make(connection, 2, name="core.other")
    page = await operator.get(PATH)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert told(page.text) == ["5 dead", "Retry 5", "Retry 3", "Retry 2"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    assert await states(connection) == {"dead": 3}
    assert told((await operator.get(f"{PATH}?plugin=core")).text) == ["2 dead", "Retry 2", "Retry 2"]


async def test_the_dead_of_one_name_are_queued_again_with_all_their_attempts(operator, connection):
    await make(connection, 3)
    await make(connection, 2, name="core.other")
    page = await operator.post(PATH, data={"name": NAME})
    assert page.status_code == 200
    assert told(page.text) == [f"3 jobs are queued again, of {NAME}. 2 are still dead.", "2 dead", "Retry 2", "Retry 2"]
    assert (await states(connection), await states(connection, "core.other")) == ({"queued": 3}, {"dead": 2})
    row = await connection.fetchrow("SELECT attempts, forgiven, error FROM core.jobs WHERE name = $1 LIMIT 1", NAME)
    assert tuple(row) == (2, 2, None)


async def test_all_are_or_those_of_a_plugin(operator, connection):
    await make(connection)
    await make(connection, name="core.other")
    await make(connection, name="core_x.other")
    page = await operator.post(PATH, data={"plugin": "core"})
    assert told(page.text) == ["1 job is queued again. 0 are still dead."]
    assert await states(connection, "core_x.other") == {"dead": 1}
    page = await operator.post(PATH, data={"all": "yes"})
    assert told(page.text) == ["2 jobs are queued again. 0 are still dead."]
    assert "Nothing is dead." in page.text


async def test_a_click_queues_so_many_the_oldest_first_and_says_how_many_are_left(operator, connection):
    ids = await make(connection, AT_ONCE + 7)
    assert "Retry the oldest 1,000" in (await operator.get(PATH)).text
    page = await operator.post(PATH, data={"all": "yes"})
    assert told(page.text)[0] == "1,000 jobs are queued again. 7 are still dead."
    left = await connection.fetch("SELECT id FROM core.jobs WHERE state = 'dead' ORDER BY id")
    assert [row["id"] for row in left] == ids[-7:]


async def test_jobs_whose_key_another_holds_stay_dead_and_are_counted(operator, connection):
    await make(connection, state="queued", key="held")
    await make(connection, 3, key="held")
    await make(connection, 2, key="free")
    await make(connection)
    assert told((await operator.get(PATH)).text)[0] == "6 dead"
    page = await operator.post(PATH, data={"all": "yes"})
    assert told(page.text) == ["2 jobs are queued again. 4 are still dead.", "4 dead"]
    assert "4 dead, 4 held" in page.text
    assert await states(connection) == {"queued": 3, "dead": 4}


async def test_held_ones_at_the_front_keep_nobody_behind_them_from_being_retried(application, connection):
    await make(connection, state="running", key="held")
    await make(connection, 5, key="held")
    await make(connection, 4)
    dead = DeadJobs(application.services.storage)
    assert [await dead.retry(limit=3) for _ in range(3)] == [3, 1, 0]


async def test_two_who_click_at_once_queue_each_job_once(application, connection):
    await make(connection, 40)
    dead = DeadJobs(application.services.storage)
    assert sum(await asyncio.gather(*(dead.retry(limit=10) for _ in range(4)))) == 40
    assert await states(connection) == {"queued": 40}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"nmae": NAME},
        {"name": NAME, "odd": "1"},
        {"name": ""},
        {"name": "%"},
        {"name": [NAME, NAME]},
        {"all": "yes", "name": NAME},
        {"all": ""},
        {"plugin": "no such plugin"},
    ],
)
async def test_a_form_that_does_not_say_which_jobs_retries_none(operator, admin_client, connection, form):
    await make(connection)
    page = await operator.post(PATH, data=form)
    assert (page.status_code, page.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    problem = await admin_client.post(PATH, data=form)
    assert (problem.status_code, problem.json()["code"]) == (400, "bad_request")
    assert (await admin_client.post(PATH, json={"all": "yes"})).status_code == 400
    assert await states(connection) == {"dead": 1}


async def test_nobody_does_it_unasked_or_unknown(application, client, operator, connection):
    await make(connection)
    assert (await client.post(PATH, data={"all": "yes"})).status_code == 401
    assert (await client.get(PATH)).status_code == 401
    for origin in ("https://evil.example", "null", ""):
        answer = await operator.post(PATH, data={"all": "yes"}, headers={"Origin": origin})
        assert answer.status_code == 403
    assert await states(connection) == {"dead": 1}


async def test_it_leaves_a_record_of_what_was_done(operator, connection):
    await make(connection, 2)
    with capture_logs() as records:
        await operator.post(PATH, data={"name": NAME})
    (record,) = [one for one in records if one["event"] == "dead jobs queued again by hand"]
    assert (record["count"], record["of_name"], record["of_plugin"]) == (2, NAME, None)
