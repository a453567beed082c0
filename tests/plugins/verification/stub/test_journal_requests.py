"""What the journal takes note of: every request of the three groups, however it was answered, and nothing else."""

import pytest

from plugins.verification.stub.queries.journal import FORGET_ALL
from plugins.verification.stub.service.control import control_of

REQUESTS = "/api/v1/_stub/requests"
VERIFY = "/api/v1/doctors/psv/verify"


@pytest.fixture(autouse=True)
async def _empty(application, storage):
    await control_of(application.services).journal.flush()
    await storage.execute(FORGET_ALL)


async def noted(client):
    answer = await client.get(REQUESTS)
    assert answer.status_code == 200
    return answer.json()["data"]


async def test_a_request_is_noted_with_its_answer(client, admin_client):
    headers = {"X-Stub-Session": "mine", "X-Request-Id": "a-request-of-mine"}
    answer = await client.get(f"{VERIFY}?doctor_id=DOC-1", headers=headers)
    [told] = await noted(admin_client)
    assert (told["method"], told["path"], told["query"]) == ("GET", VERIFY, {"doctor_id": ["DOC-1"]})
    assert (told["status"], told["session"]) == (404, "mine")
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["trace_id"] == answer.json()["trace_id"]
    assert told["duration_ms"] > 0
    assert told["matched_rule"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"{VERIFY}?doctor=1", None, 400),
        ("GET", VERIFY, None, 400),
        ("POST", "/api/v1/doctors/admin/add", b'{"doctor_id": ', 400),
        ("POST", "/api/v1/doctors/admin/add", b"{}", 400),
        ("POST", "/api/v1/insurance/payout/process", b'{"claim_reference": "CLM-1"}', 404),
        ("GET", f"{VERIFY}?doctor_id=%00", None, 400),
        ("GET", f"{VERIFY}?doctor_id=%FF%FE", None, 400),
    ],
)
async def test_a_refused_request_is_noted_too(admin_client, method, path, body, status):
    answer = await admin_client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    [told] = await noted(admin_client)
    assert (told["method"], told["status"]) == (method, status)
    assert told["headers"]["x-api-key"] == "[redacted]"
    assert told["body"] == (body.decode() if body else None)


async def test_a_rule_that_answers_is_named(client, admin_client):
    rule = {"name": "no", "match": {"path": VERIFY}, "response": {"status": 418, "json": {}}}
    made = (await admin_client.post("/api/v1/_stub/rules", json=rule)).json()
    assert (await client.get(VERIFY)).status_code == 418
    await client.get("/api/v1/doctors/psv/degree/info?doctor_id=X")
    told = {one["path"]: one["matched_rule"] for one in await noted(admin_client)}
    assert told == {VERIFY: made["id"], "/api/v1/doctors/psv/degree/info": None}
    matched = (await admin_client.get(REQUESTS, params={"matched": "true"})).json()["data"]
    assert [one["status"] for one in matched] == [418]
    await admin_client.delete(f"/api/v1/_stub/rules/{made['id']}")


@pytest.mark.parametrize(
    "path",
    ["/api/v1/health", "/api/v1/health?verbose=true", "/health/live", "/health/ready", "/health/startup", "/metrics",
     "/api/v1", "/api/v1/jobs", REQUESTS, "/api/v1/_stub/rules", "/api/v1/_stub/receipts/jwks", "/nowhere"],
)  # fmt: skip
async def test_health_and_the_control_plane_itself_are_never_noted(admin_client, path):
    await admin_client.get(path)
    assert await noted(admin_client) == []


async def test_a_client_that_counts_sees_what_it_asked_for(client, admin_client):
    for number in range(30):
        await client.get(VERIFY, params={"doctor_id": f"DOC-{number % 3}"})
    wanted = {"path": VERIFY, "query": {"doctor_id": {"equals": "DOC-1"}}}
    assert (await admin_client.post(f"{REQUESTS}/count", json=wanted)).json() == {"count": 10}
    checked = await admin_client.post(f"{REQUESTS}/verify", json=wanted | {"exactly": 10})
    assert checked.json()["passed"]
