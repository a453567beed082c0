"""Headers of a request control its answer: delays, faults, documented answers, sessions."""

import json

import pytest
from jsonschema import Draft202012Validator

from tests.plugins.verification.stub.stubs import ADD, LICENSE, STUB, by, rule, save

DOCTOR = {"doctor_id": "D1", "full_name": "A", "license_number": "L-1", "license_status": "active"}


@pytest.fixture
async def raw(application):
    """A client whose answers are not held to the document: some faults are to break it."""
    async with application.admin_client() as client:
        yield client


@pytest.mark.parametrize(
    ("fault", "status", "waits"),
    [("status-503", 503, True), ("status-500", 500, False), ("status-429", 429, True)],
)
async def test_a_fault_of_a_status_is_a_problem_document(client, fault, status, waits):
    answer = await client.get(LICENSE, headers={"X-Stub-Fault": fault})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["status"]) == ("stub_fault", status)
    assert ("retry-after" in answer.headers) is waits


async def test_an_empty_answer_is_a_200_without_a_body(raw):
    answer = await raw.get(LICENSE, headers={"X-Stub-Fault": "empty"})
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")
    assert answer.headers["content-type"] == "application/json"


async def test_malformed_json_is_a_200_that_no_parser_takes(raw):
    answer = await raw.get(LICENSE, headers={"X-Stub-Fault": "malformed-json"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("fault", ["status-500", "empty"])
async def test_nothing_is_done_for_a_request_that_fails_on_purpose(raw, fault):
    await raw.post(ADD, json=DOCTOR, headers={"X-Stub-Fault": fault})
    assert (await raw.get(LICENSE, params={"doctor_id": "D1"})).status_code == 404


async def test_a_fault_goes_before_rules_and_leaves_scenarios_alone(admin_client, client):
    await save(admin_client, rule("once", times=1))
    assert (await client.get(LICENSE, headers={"X-Stub-Fault": "status-503"})).status_code == 503
    assert await by(client) == "once"


async def test_a_fault_of_a_rule_is_marked_by_its_id(admin_client, raw):
    for fault, status in (("status-429", 429), ("empty", 200), ("malformed-json", 200)):
        saved = await save(admin_client, rule(response={"fault": fault}))
        answer = await raw.get(LICENSE)
        assert (answer.status_code, answer.headers["x-stub-rule"]) == (status, saved["id"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Stub-Delay-Ms", "-5"),
        ("X-Stub-Delay-Ms", "999999999"),
        ("X-Stub-Delay-Ms", "abc"),
        ("X-Stub-Delay-Ms", ""),
        ("X-Stub-Session", "a b"),
        ("X-Stub-Session", "x" * 65),
        ("X-Stub-Fault", "status-418"),
        ("Prefer", "code=abc"),
        ("Prefer", "code=418"),
        ("Prefer", "code=201"),
    ],
)
async def test_a_control_that_is_not_acceptable_is_refused_by_its_name(client, name, value):
    answer = await client.get(LICENSE, headers={name: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_stub_control")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"header:{name}"]


async def test_controls_are_refused_before_they_are_looked_at_where_the_caller_is(client):
    answer = await client.post(ADD, json={}, headers={"X-Stub-Fault": "nonsense"})
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_required")


async def test_the_control_plane_and_health_heed_no_controls(admin_client):
    for path in (f"{STUB}/rules", "/health/live", "/api/v1/health"):
        answer = await admin_client.get(path, headers={"X-Stub-Fault": "status-500", "X-Stub-Delay-Ms": "nonsense"})
        assert answer.status_code == 200


async def test_a_problem_can_be_asked_for_by_its_status(client):
    answer = await client.get(LICENSE, headers={"Prefer": "code=404"})
    assert (answer.status_code, answer.json()["code"]) == (404, "doctor_not_found")
    answer = await client.get(LICENSE, headers={"Prefer": "respond-async, code=409"})
    assert (answer.status_code, answer.json()["code"]) == (409, "identifier_conflict")


async def test_other_preferences_are_let_be(client):
    assert (await client.get(LICENSE, headers={"Prefer": "wait=5"})).json()["code"] == "missing_identifier"


def operations(application):
    """Yield method, path, status and schema of every answer that the three groups document."""
    document = json.loads(json.dumps(application.app.openapi_schema.to_schema(), default=str))
    for path, methods in document["paths"].items():
        if path.startswith(("/api/v1/doctors", "/api/v1/academic", "/api/v1/insurance")):
            for method, operation in methods.items():
                for status, answer in operation["responses"].items():
                    yield method, path, int(status), answer, document["components"]


async def test_every_documented_answer_of_every_route_can_be_asked_for_and_is_as_documented(application, raw):
    asked = 0
    for method, path, status, answer, components in operations(application):
        got = await raw.request(method, path, headers={"Prefer": f"code={status}"})
        assert got.status_code == status, (method, path, got.text)
        documented = components["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        for media_type, content in documented["content"].items():
            assert got.headers["content-type"] == media_type
            validator = Draft202012Validator({**content["schema"], "components": components})
            assert [fault.message for fault in validator.iter_errors(got.json())] == [], (method, path, status)
            asked += 1
    assert asked > 200


async def test_sessions_and_delays_change_nothing_of_the_answer(admin_client, client):
    await admin_client.post(ADD, json=DOCTOR)
    plain = await client.get(LICENSE, params={"doctor_id": "D1"})
    controlled = await client.get(
        LICENSE, params={"doctor_id": "D1"}, headers={"X-Stub-Delay-Ms": "20", "X-Stub-Session": "s-1"}
    )
    assert plain.status_code == controlled.status_code == 200
    assert plain.json()["license_number"] == controlled.json()["license_number"]


async def test_a_delay_is_waited_for(admin_client, client):
    """That an answer comes no sooner is what a delay promises."""
    await save(admin_client, rule("slow", response={"json": {"by": "slow"}, "delay": {"fixed": 120}}))
    assert (await client.get(LICENSE)).elapsed.total_seconds() >= 0.12
    hurried = await client.get(LICENSE, headers={"X-Stub-Delay-Ms": "0"})
    assert hurried.json() == {"by": "slow"}
    await admin_client.post(f"{STUB}/reset")
    await admin_client.put(f"{STUB}/settings", json={"delay": {"uniform": {"lower": 110, "upper": 120}}})
    assert (await client.get(LICENSE)).elapsed.total_seconds() >= 0.11
    await save(admin_client, rule("own delay", response={"json": {"by": "own delay"}, "delay": {"fixed": 0}}))
    assert await by(client) == "own delay"
