"""Every route of admission: the record that is kept, access, methods, documentation."""

import pytest
from sqlalchemy import select

from core.auth import PUBLIC, scope
from plugins.verification.academic import demo
from plugins.verification.academic.routes import academic_routes
from plugins.verification.evidence.tables import VerificationRequest
from plugins.verification.settings import Settings
from ports.storage import Query
from tests.plugins.verification.academic.forms import (
    ADMIN,
    CERTIFICATE,
    ELIGIBILITY,
    MERIT,
    ROLL_NUMBER,
    eligibility_rule,
    get,
    intermediate,
    merit_rule,
    post,
    record,
    student,
)

KINDS = Query(select(VerificationRequest.kind).order_by(VerificationRequest.id), into=str)
VERDICTS = Query(select(VerificationRequest.verdict).order_by(VerificationRequest.id), into=str)
SUPERSEDED = "SELECT superseded FROM verification.{} WHERE program = 'BSCS'"


async def test_every_decision_is_recorded_with_its_verdict(admin_client, client, storage):
    await post(admin_client, "students", student(record(roll_number="7", certificate_number="C-1"), intermediate()))
    await post(admin_client, "eligibility-rules", eligibility_rule(min_age=99))
    await post(admin_client, "merit-rules", merit_rule())
    assert await storage.fetch_all(KINDS) == []
    await get(client, ROLL_NUMBER, roll_number="7")
    await get(client, CERTIFICATE, certificate_number="C-1")
    await get(client, ELIGIBILITY, student_id="S-1", program="BSCS")
    answer = await get(client, MERIT, student_id="S-1", program="BSCS")
    assert await storage.fetch_all(KINDS) == [
        "academic.roll_number",
        "academic.certificate",
        "academic.eligibility",
        "academic.merit",
    ]
    assert await storage.fetch_all(VERDICTS) == ["match", "valid", "not_eligible", "92.6535"]
    assert answer["verification"]["request_id"]


async def test_a_refused_question_leaves_no_record(client, storage):
    await get(client, MERIT, 404, student_id="S-1", program="BSCS")
    assert await storage.fetch_all(KINDS) == []


@pytest.mark.parametrize(
    ("path", "table", "first", "second", "part"),
    [
        ("merit-rules", "merit_rules", merit_rule(), merit_rule({"matric": 100}), "weightage"),
        ("eligibility-rules", "eligibility_rules", eligibility_rule(min_age=1), eligibility_rule(min_age=2), "rule"),
    ],
)
async def test_what_a_rule_replaced_is_kept(admin_client, storage, path, table, first, second, part):
    await post(admin_client, path, first)
    await post(admin_client, path, second, 200, upsert="true")
    connection = await storage.connect(application_name="hexastar-test")
    try:
        history = await connection.fetchval(SUPERSEDED.format(table))
    finally:
        await connection.close()
    assert [kept["version"] for kept in history] == [1]
    assert history[0][part] in ({"matric": "30", "intermediate": "70"}, {"min_age": 1})


async def test_a_repeated_registration_with_its_key_is_answered_again(admin_client):
    body = student()
    answers = [
        await admin_client.post(f"{ADMIN}/students", json=body, headers={"Idempotency-Key": "once"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize(("open_reads", "access"), [(True, PUBLIC), (False, scope("verification:read"))])
def test_reads_are_open_exactly_where_the_settings_say_so(open_reads, access):
    routes = academic_routes(Settings(open_reads=open_reads))
    assert routes.opt["access"] == access


async def test_head_and_options_are_answered(admin_client, client):
    await post(admin_client, "students", student())
    await post(admin_client, "merit-rules", merit_rule())
    head = await client.head(MERIT, params={"student_id": "S-1", "program": "BSCS"})
    assert (head.status_code, head.content) == (200, b"")
    options = await client.options(MERIT)
    assert options.status_code == 204
    assert "GET" in options.headers["allow"]


async def test_the_demonstration_may_be_seeded_twice(application, units, client, clock):
    for _ in range(2):
        async with units() as uow:
            assert "300 students" in await demo.seed(uow, clock)
    answer = await get(client, MERIT, student_id="S-0001", program="BSCS")
    assert answer["rule_version"] == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_refused_with_the_allowed_ones(client, method):
    response = await client.request(method, MERIT)
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]


async def test_every_route_is_documented(client):
    document = (await client.get("/schema/openapi.json")).json()
    documented = [path for path in document["paths"] if path.startswith("/api/v1/academic/")]
    assert len(documented) == 8
    assert document["components"]["schemas"]["EligibilityRule"]["required"] == ["program", "requirements"]
