"""The queue under /api/v1/jobs: every page once, and only what a job's state allows."""

from uuid import UUID

import pytest

from core.clock import new_id


@pytest.fixture
async def make_job(storage):
    connection = await storage.connect(application_name="jobs")

    async def make(name: str = "verification.send_notification", state: str = "dead", key: str | None = None) -> UUID:
        job_id = new_id()
        await connection.execute(
            "INSERT INTO core.jobs (id, name, lane, payload, state, attempts, max_attempts, key, uniqueness) "
            "VALUES ($1, $2, 'verification', '{\"id\": 1}', $3, 2, 2, $4::text, "
            "CASE WHEN $4 IS NOT NULL THEN 'until_done' END)",
            job_id,
            name,
            state,
            key,
        )
        return job_id

    yield make
    await connection.close()


async def test_jobs_are_listed_the_newest_first_and_each_once(admin_client, make_job):
    made = [str(await make_job(f"verification.job_{number}")) for number in range(5)]
    await make_job("core.other")
    await make_job(state="done")
    seen, address = [], "/api/v1/jobs?state=dead&plugin=verification&limit=2"
    while address:
        answer = await admin_client.get(address)
        assert answer.status_code == 200
        seen += [job["id"] for job in answer.json()["data"]]
        address = answer.links.get("next", {}).get("url")
    assert seen == made[::-1]


async def test_a_job_is_shown_with_its_payload(admin_client, make_job):
    job_id = await make_job()
    shown = (await admin_client.get(f"/api/v1/jobs/{job_id}")).json()
    assert (shown["id"], shown["state"], shown["payload"]) == (str(job_id), "dead", {"id": 1})


@pytest.mark.parametrize("query", ["state=odd", "plugin=%25", "states=dead", "limit=0", "cursor=x"])
async def test_what_cannot_be_asked_is_refused(admin_client, query):
    assert (await admin_client.get(f"/api/v1/jobs?{query}")).status_code == 400


async def test_a_job_that_is_not_there_is_not_found(admin_client):
    for method, path in (("GET", ""), ("POST", "/retry"), ("POST", "/cancel")):
        answer = await admin_client.request(method, f"/api/v1/jobs/{UUID(int=0)}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await admin_client.get("/api/v1/jobs/x")).status_code == 404


async def test_a_dead_job_is_retried_once(admin_client, make_job):
    job_id = await make_job()
    answer = await admin_client.post(f"/api/v1/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json()["state"], answer.json()["error"]) == (200, "queued", None)
    again = await admin_client.post(f"/api/v1/jobs/{job_id}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "job_state_conflict")


async def test_a_retry_under_a_key_is_answered_again(admin_client, make_job):
    job_id = await make_job()
    answers = [
        await admin_client.post(f"/api/v1/jobs/{job_id}/retry", headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotent-Replayed"] == "true"


async def test_a_retry_waits_for_the_job_that_holds_its_key(admin_client, make_job):
    job_id = await make_job(key="same")
    await make_job(key="same", state="queued")
    answer = await admin_client.post(f"/api/v1/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_key_taken")


@pytest.mark.parametrize("state", ["queued", "running", "parked"])
async def test_what_waits_or_runs_is_cancelled_once(admin_client, make_job, state):
    job_id = await make_job(state=state)
    answer = await admin_client.post(f"/api/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "dead")
    again = await admin_client.post(f"/api/v1/jobs/{job_id}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "job_state_conflict")


async def test_the_queue_is_read_and_changed_only_by_those_who_may(client, make_job):
    job_id = await make_job()
    for method, path in (
        ("GET", ""),
        ("GET", f"/{job_id}"),
        ("POST", f"/{job_id}/retry"),
        ("POST", f"/{job_id}/cancel"),
    ):
        assert (await client.request(method, f"/api/v1/jobs{path}")).status_code == 401
