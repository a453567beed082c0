"""Rules are kept as they were written, refused with reasons, and answer in their order."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from core.testing.application import running_application
from core.testing.migrated import environ_for_tests
from tests.plugins.verification.stub.stubs import ADD, DEGREE, LICENSE, STUB, by, rule, save

RULES = f"{STUB}/rules"


async def test_a_rule_answers_in_the_place_of_the_handler_until_it_is_deleted(client, admin_client):
    answer = {"status": 418, "json": {"z": 1, "a": [1.5, None, True]}, "headers": {"X-Colour": "blue"}}
    saved = await save(admin_client, rule(response=answer, query={"doctor_id": "D1"}))
    stubbed = await client.get(LICENSE, params={"doctor_id": "D1"})
    assert stubbed.status_code == 418
    assert stubbed.content == b'{"z":1,"a":[1.5,null,true]}'
    assert stubbed.headers["x-stub-rule"] == saved["id"]
    assert stubbed.headers["x-colour"] == "blue"
    assert stubbed.headers["content-type"] == "application/json"
    assert stubbed.headers["x-request-id"]
    assert (await client.get(LICENSE, params={"doctor_id": "D2"})).json()["code"] == "doctor_not_found"
    assert (await admin_client.delete(f"{RULES}/{saved['id']}")).status_code == 204
    assert (await client.get(LICENSE, params={"doctor_id": "D1"})).json()["code"] == "doctor_not_found"


async def test_a_rule_is_shown_as_it_was_saved_and_replaced_whole(admin_client):
    definition = rule(times=3, expires_at="2030-01-01T00:00:00Z", priority=7, scenario={"name": "s", "new_state": "b"})
    saved = await save(admin_client, definition)
    assert {name: saved[name] for name in definition} == {**definition, "match": saved["match"]}
    assert saved["match"]["path"] == LICENSE
    shown = await admin_client.get(f"{RULES}/{saved['id']}")
    assert shown.json() == saved
    replaced = await admin_client.put(f"{RULES}/{saved['id']}", json=rule("another"))
    assert replaced.status_code == 200
    assert (replaced.json()["name"], replaced.json()["times"], replaced.json()["priority"]) == ("another", None, 500)
    assert await by(admin_client) == "another"


async def test_where_a_new_rule_is_said(admin_client):
    created = await admin_client.post(RULES, json=rule())
    assert (await admin_client.get(created.headers["location"])).json() == created.json()


async def test_of_those_that_match_the_lowest_priority_answers_then_the_newest(admin_client, client):
    await save(admin_client, rule("middle", priority=500))
    assert await by(client) == "middle"
    first = await save(admin_client, rule("first", priority=1))
    await save(admin_client, rule("newer middle", priority=500))
    assert await by(client) == "first"
    await admin_client.delete(f"{RULES}/{first['id']}")
    assert await by(client) == "newer middle"


async def test_a_rule_without_criteria_answers_the_three_groups_and_nothing_else(admin_client, client):
    await save(admin_client, rule("all", path=None))
    for path in (LICENSE, DEGREE, "/api/v1/academic/verify/roll-number"):
        assert await by(client, path) == "all"
    for path in ("/health/live", "/health/ready", "/api/v1/health", "/api/v1", "/problems"):
        assert "x-stub-rule" not in (await client.get(path)).headers
    assert (await admin_client.get(RULES)).json()["data"][0]["name"] == "all"


async def test_the_body_is_looked_at_and_still_read_by_the_handler(admin_client):
    match = {"method": "POST", "path": ADD, "body": [{"jsonpath": "$.doctor_id", "equals": "STUB"}]}
    await save(admin_client, rule("posted", match=match, response={"status": 201, "json": {"by": "posted"}}))
    doctor = {"doctor_id": "STUB", "full_name": "A", "license_number": "L-1", "license_status": "active"}
    assert (await admin_client.post(ADD, json=doctor)).json() == {"by": "posted"}
    real = await admin_client.post(ADD, json={**doctor, "doctor_id": "REAL"})
    assert real.status_code == 201
    assert real.json()["doctor_id"] == "REAL"
    assert (await admin_client.get(LICENSE, params={"doctor_id": "STUB"})).status_code == 404


async def test_a_body_that_is_too_large_is_refused_as_ever(admin_client):
    await save(admin_client, rule(match={"method": "POST", "body": [{"jsonpath": "$.a", "equals": 1}]}))
    answer = await admin_client.post(ADD, content=b'{"a":"' + b"x" * (3 * 1024 * 1024) + b'"}', headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


async def test_head_is_answered_like_get_without_a_body_and_options_as_ever(admin_client, client):
    await save(admin_client, rule("r", path=None))
    head, get = await client.head(LICENSE), await client.get(LICENSE)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["x-stub-rule"] == get.headers["x-stub-rule"]
    options = await client.options(LICENSE)
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert (await client.put(LICENSE)).status_code == 405


async def test_no_rule_opens_a_route(admin_client, client):
    await save(admin_client, rule("all", path=None))
    refused = await client.post(ADD, json={})
    assert (refused.status_code, refused.json()["code"]) == (401, "authentication_required")


async def test_templates_are_filled_in_from_the_request(admin_client, clock):
    clock.set(datetime(2026, 1, 5, 9, 30, tzinfo=UTC))
    response = {
        "json": {"id": "{{request.query.doctor_id}}", "now": "{{now}}", "group": "{{request.path.2}}"},
        "template": True,
    }
    await save(admin_client, rule(response=response))
    answer = await admin_client.get(LICENSE, params={"doctor_id": 'D"1'})
    assert answer.json() == {"id": 'D"1', "now": "2026-01-05T09:30:00.000Z", "group": "doctors"}
    posted = {"text": "Hello {{request.body.$.full_name}}", "template": True}
    await save(admin_client, rule(match={"method": "POST", "path": ADD}, response=posted))
    assert (await admin_client.post(ADD, json={"full_name": "Zoë"})).text == "Hello Zoë"


async def test_a_rule_answers_so_often_and_no_more(admin_client, client):
    await save(admin_client, rule("for ever", priority=900))
    counted = await save(admin_client, rule("twice", times=2))
    assert [await by(client) for _ in range(4)] == ["twice", "twice", "for ever", "for ever"]
    assert (await admin_client.get(f"{RULES}/{counted['id']}")).json()["used"] == 2
    await admin_client.put(f"{RULES}/{counted['id']}", json=rule("again", times=1))
    assert [await by(client) for _ in range(2)] == ["again", "for ever"]


async def test_a_rule_answers_until_it_expires(admin_client, client, clock):
    await save(admin_client, rule("soon over", expires_at=(clock.now() + timedelta(hours=1)).isoformat()))
    assert await by(client) == "soon over"
    clock.advance(timedelta(hours=1))
    assert await by(client) is None


async def test_rules_are_listed_the_newest_first_a_page_at_a_time(admin_client):
    saved = [(await save(admin_client, rule(str(number))))["id"] for number in range(5)]
    listed, cursor = [], None
    while True:
        parameters = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await admin_client.get(RULES, params=parameters)).json()
        listed += [each["id"] for each in page["data"]]
        cursor = page["page"]["next_cursor"]
        if cursor is None:
            break
    assert listed == saved[::-1]


async def test_what_was_exported_can_be_imported_and_is_exported_the_same(admin_client, client):
    await save(admin_client, rule("old", times=2, expires_at="2300-01-01T00:00:00Z"))
    await save(
        admin_client,
        rule("new", query={"doctor_id": "D1"}, response={"json": {"z": 1, "a": 1.5}, "delay": {"fixed": 1}}),
    )
    await save(admin_client, rule("step", scenario={"name": "s", "required_state": "Started", "new_state": "b"}))
    await save(admin_client, rule("next", scenario={"name": "s", "required_state": "b"}))
    exported = await admin_client.get(f"{RULES}/export")
    assert [each["name"] for each in exported.json()["rules"]] == ["old", "new", "step", "next"]
    await admin_client.post(f"{STUB}/reset")
    assert (await admin_client.get(f"{RULES}/export")).json() == {"rules": []}
    imported = await admin_client.post(f"{RULES}/import", content=exported.content, headers=JSON)
    assert (imported.status_code, imported.json()) == (200, {"imported": 4})
    assert (await admin_client.get(f"{RULES}/export")).content == exported.content
    again = await admin_client.post(f"{RULES}/import", content=exported.content, headers=JSON)
    assert again.json() == {"imported": 4}
    assert (await admin_client.get(f"{RULES}/export")).content == exported.content
    assert await by(client) == "step"


async def test_an_import_adds_unless_it_is_to_replace(admin_client):
    await save(admin_client, rule("there"))
    await admin_client.post(f"{RULES}/import", json={"rules": [rule("added")]})
    assert await names(admin_client) == ["there", "added"]
    await admin_client.post(f"{RULES}/import?replace=true", json={"rules": [rule("alone")]})
    assert await names(admin_client) == ["alone"]


async def test_a_great_import_keeps_its_order_and_replaces_what_has_its_ids(admin_client, figure):
    there = await save(admin_client, rule("there"))
    rules = [rule(f"rule {number}", times=number % 3 or None) for number in range(1999)]
    rules[1000]["id"] = there["id"]
    began = monotonic()
    answer = await admin_client.post(f"{RULES}/import", json={"rules": rules})
    figure("stub", "an import of 1999 rules", monotonic() - began, "s", at_most=2)
    assert answer.json() == {"imported": 1999}
    exported = (await admin_client.get(f"{RULES}/export")).json()["rules"]
    assert [each["name"] for each in exported] == [each["name"] for each in rules]
    assert [each.get("times") for each in exported] == [each["times"] for each in rules]
    assert exported[1000]["id"] == there["id"]


async def test_an_import_of_nothing_changes_nothing(admin_client):
    await save(admin_client, rule("there"))
    assert (await admin_client.post(f"{RULES}/import", json={"rules": []})).json() == {"imported": 0}
    assert await names(admin_client) == ["there"]


async def test_an_import_is_all_or_nothing(admin_client):
    await save(admin_client, rule("there"))
    rules = [
        rule("fine"),
        rule("broken", match={"path_regex": "("}),
        rule("late", scenario={"name": "s", "required_state": "x"}),
    ]
    answer = await admin_client.post(f"{RULES}/import?replace=true", json={"rules": rules})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_stub_rule")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/rules/1/match/path_regex"]
    answer = await admin_client.post(f"{RULES}/import?replace=true", json={"rules": [rules[0], rules[2]]})
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/rules/1/scenario/required_state"]
    assert await names(admin_client) == ["there"]


async def test_an_import_that_names_one_rule_twice_is_refused(admin_client):
    twice = rule("twice") | {"id": "01890a5d-ac96-774b-bcce-b302099a8057"}
    answer = await admin_client.post(f"{RULES}/import", json={"rules": [twice, rule(), twice]})
    assert (answer.status_code, [fault["pointer"] for fault in answer.json()["errors"]]) == (422, ["/rules/2/id"])
    assert await names(admin_client) == []


async def test_a_page_of_a_rule_runs_no_script(admin_client, client):
    """Whatever it repeats of the request: it comes from the address of the console."""
    page = {"text": "<script>{{request.query.doctor_id}}</script>", "template": True}
    await save(admin_client, rule(response=page | {"headers": {"Content-Type": "text/html"}}))
    answer = await client.get(LICENSE, params={"doctor_id": "alert(1)"})
    assert "alert(1)" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_reset_takes_rules_scenarios_and_settings_away(admin_client, client):
    await save(admin_client, rule("r", scenario={"name": "s", "new_state": "b"}))
    assert await by(client) == "r"
    await admin_client.put(f"{STUB}/settings", json={"fault_probability": 1})
    answer = await admin_client.post(f"{STUB}/reset")
    assert answer.json() == {"rules": 1, "scenario_instances": 1}
    assert (await admin_client.get(f"{STUB}/settings")).json()["fault_probability"] == 0
    assert (await client.get(LICENSE, params={"doctor_id": "D1"})).status_code == 404


async def test_a_request_that_is_sent_again_saves_one_rule(admin_client):
    headers = {"Idempotency-Key": "one-rule"}
    first = await admin_client.post(RULES, json=rule(), headers=headers)
    second = await admin_client.post(RULES, json=rule(), headers=headers)
    assert (first.content, second.headers["idempotent-replayed"]) == (second.content, "true")
    assert len(await names(admin_client)) == 1


@pytest.mark.parametrize(
    ("definition", "status", "pointer"),
    [
        ({}, 400, "/name"),
        ({"name": "a", "unknown": 1}, 400, "/unknown"),
        ({"name": "a", "priority": 0}, 400, "/priority"),
        ({"name": "a", "priority": 1001}, 400, "/priority"),
        ({"name": "a", "times": 0}, 400, "/times"),
        ({"name": "a", "times": 2**31}, 400, "/times"),
        ({"name": "a", "expires_at": "2030-01-01"}, 400, "/expires_at"),
        ({"name": "a", "expires_at": "9999-12-31T23:59:59-14:00"}, 400, "/expires_at"),
        ({"name": "a", "response": {"status": 199}}, 400, "/response/status"),
        ({"name": "a", "response": {"status": 600}}, 400, "/response/status"),
        ({"name": "a", "response": {"status": "200"}}, 400, "/response/status"),
        ({"name": "a", "response": {"fault": "reset"}}, 400, "/response/fault"),
        ({"name": "a", "response": {"delay": {"fixed": 60_001}}}, 400, "/response/delay/fixed"),
        ({"name": "a", "response": {"delay": {"fixed": -1}}}, 400, "/response/delay/fixed"),
        ({"name": "a", "scenario": {"name": "a/b", "new_state": "c"}}, 400, "/scenario/name"),
        ({"name": "a", "scenario": {"name": "a", "new_state": "c", "key_from": "body.x"}}, 400, "/scenario/key_from"),
        ({"name": "a", "match": {"path_regex": "("}}, 422, "/match/path_regex"),
        ({"name": "a", "match": {"body": [{"jsonpath": "a", "equals": 1}]}}, 422, "/match/body/0/jsonpath"),
        ({"name": "a", "response": {"json": 1, "text": "b"}}, 422, "/response/text"),
        ({"name": "a", "response": {"headers": {"X": "a\r\nb"}}}, 422, "/response/headers/X"),
        ({"name": "a", "response": {"headers": {"Connection": "close"}}}, 422, "/response/headers/Connection"),
        ({"name": "a", "response": {"headers": {"Set-Cookie": "a=b"}}}, 422, "/response/headers/Set-Cookie"),
        (
            {"name": "a", "response": {"headers": {"content-security-policy-report-only": "default-src *"}}},
            422,
            "/response/headers/content-security-policy-report-only",
        ),
        ({"name": "a", "response": {"text": "{{x}}", "template": True}}, 422, "/response/text"),
        ({"name": "a", "response": {"text": "x" * 65_536}}, 422, ""),
        ({"name": "a", "scenario": {"name": "s", "required_state": "x"}}, 422, "/scenario/required_state"),
        (
            {"name": "a", "scenario": {"name": "s", "required_state": "x", "new_state": "x"}},
            422,
            "/scenario/required_state",
        ),
    ],
)
async def test_what_cannot_be_a_rule_is_refused_with_its_place(admin_client, definition, status, pointer):
    saved = await save(admin_client, rule())
    for method, path in (("POST", RULES), ("PUT", f"{RULES}/{saved['id']}")):
        answer = await admin_client.request(method, path, json=definition)
        assert answer.status_code == status, answer.text
        assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]


async def test_there_are_so_many_rules_and_no_more(admin_client, application):
    most = application.services.plugin_settings["verification"].stub.max_rules
    document = {"rules": [rule(str(number)) for number in range(most)]}
    assert (await admin_client.post(f"{RULES}/import", json=document)).json() == {"imported": most}
    for path, body in ((RULES, rule()), (f"{RULES}/import", {"rules": [rule()]})):
        answer = await admin_client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "stub_rules_full")


@pytest.fixture
async def narrow(database, hexastar_config, hexastar_environ, tmp_path):
    """Clients of two applications on one database that keep 64 KiB of rules."""
    environ = hexastar_environ | {"HEXASTAR__PLUGINS__VERIFICATION__STUB__MAX_RULES_BYTES": "65536"}
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(2):
            environ_of_one = environ_for_tests(database, environ, tmp_path / str(number))
            running = await stack.enter_async_context(running_application(str(hexastar_config), environ_of_one))
            clients.append(await stack.enter_async_context(running.admin_client()))
        yield clients


def _large(size: int) -> Any:
    return rule("large", response={"text": "x" * size})


def _is_full(answer) -> bool:
    return (answer.status_code, answer.json().get("code")) == (409, "stub_rules_full")


async def test_rules_have_so_many_bytes_together_and_no_more(narrow):
    """However they come: one by one, in the place of another, or together."""
    client = narrow[0]
    first, second = await save(client, _large(30_000)), await save(client, _large(30_000))
    assert _is_full(await client.post(RULES, json=_large(10_000)))
    assert _is_full(await client.put(f"{RULES}/{first['id']}", json=_large(40_000)))
    assert _is_full(await client.post(f"{RULES}/import", json={"rules": [_large(10_000)]}))
    assert (await client.get(f"{RULES}/{first['id']}")).json()["response"]["text"] == "x" * 30_000
    assert (await client.put(f"{RULES}/{first['id']}", json=_large(20_000))).status_code == 200
    assert (await client.put(f"{RULES}/{second['id']}", json=_large(40_000))).status_code == 200
    replaced = await client.post(f"{RULES}/import", params={"replace": True}, json={"rules": [_large(60_000)]})
    assert replaced.json() == {"imported": 1}


async def test_rules_that_come_at_once_to_two_processes_have_no_more_bytes_either(narrow):
    answers = await asyncio.gather(*(narrow[number % 2].post(RULES, json=_large(20_000)) for number in range(16)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 13
    assert all(_is_full(answer) for answer in answers if answer.status_code != 201)
    assert len(await names(narrow[0])) == 3


async def test_where_a_bound_was_lowered_what_leads_towards_it_is_welcome(narrow, admin_client):
    saved = [await save(admin_client, _large(30_000)) for _ in range(4)]
    assert _is_full(await narrow[0].put(f"{RULES}/{saved[0]['id']}", json=_large(30_001)))
    assert (await narrow[0].put(f"{RULES}/{saved[0]['id']}", json=_large(29_999))).status_code == 200


async def test_what_is_not_there_is_not_found(admin_client):
    for method in ("GET", "PUT", "DELETE"):
        for address in (uuid4(), "no-id"):
            answer = await admin_client.request(method, f"{RULES}/{address}", json=rule() if method == "PUT" else None)
            assert answer.status_code == 404


async def test_rules_that_vanish_from_the_table_are_forgotten(admin_client, client, storage):
    """Whatever deleted them, even if it deleted the revision as well."""
    await save(admin_client, rule("gone"))
    connection = await storage.connect(application_name="test")
    await connection.execute("DELETE FROM verification.stub_rules; DELETE FROM verification.stub_settings")
    await connection.close()
    await admin_client.put(f"{STUB}/settings", json={})
    assert await by(client) is None


JSON = {"Content-Type": "application/json"}


async def names(client):
    """Return the names of the rules, the oldest first."""
    return [each["name"] for each in (await client.get(f"{RULES}/export")).json()["rules"]]


@pytest.mark.parametrize(
    "bomb",
    [
        [{"match": {"method": "POST", "body": [{"jsonpath": f"$..z{number}", "equals": 1}]}} for number in range(16)],
        [{"match": {"method": "POST"}, "response": {"template": True, "json": ["{{request.body.$..z}}"] * 64}}],
    ],
)
async def test_rules_that_would_hold_up_everybody_with_a_request_refuse_it(admin_client, bomb):
    await admin_client.post(f"{RULES}/import", json={"rules": [{"name": "a bomb", **parts} for parts in bomb]})
    body = {"claim_reference": ["x" * 1_000] * 200}
    refused = await admin_client.post("/api/v1/insurance/claims/review", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "stub_rules_too_laborious")
    assert (await admin_client.post("/api/v1/insurance/claims/review", json={})).status_code != 422


NEWER = (
    '{"name": "newer", "moods": ["sulky"]}',
    '{"name": "newer", "response": {"status": 999}}',
    '{"name": "newer", "match": {"path_regex": "(?=a)"}}',
    '{"name": "newer", "response": {"template": true, "text": "{{moon.phase}}"}}',
    "not even JSON",
)
"""Definitions that another version may have stored, and that this one cannot answer by."""


@pytest.mark.parametrize("definition", NEWER)
async def test_a_stored_rule_that_cannot_be_read_keeps_no_other_from_answering(
    admin_client, client, storage, definition
):
    await save(admin_client, rule("ours"))
    strange = uuid4()
    with capture_logs() as records:
        connection = await storage.connect(application_name="test")
        await connection.execute(STORE, strange, definition)
        await connection.close()
        for _ in range(3):
            await save(admin_client, rule("another", path="/api/v1/doctors/psv/verify"))
        assert await by(client) == "ours"
    warnings = [record for record in records if record["log_level"] == "warning"]
    assert [record["rule"] for record in warnings] == [str(strange)]
    assert warnings[0]["error"]
    listed = (await admin_client.get(RULES)).json()["data"]
    [unreadable] = [each for each in listed if each["unreadable"]]
    assert (unreadable["id"], unreadable["name"], unreadable["match"]) == (str(strange), "newer", None)
    assert (await admin_client.get(f"{RULES}/{strange}")).json() == unreadable
    assert "ours" in await names(admin_client)
    assert (await admin_client.delete(f"{RULES}/{strange}")).status_code == 204
    assert not any(each["unreadable"] for each in (await admin_client.get(RULES)).json()["data"])


async def test_an_unreadable_rule_answers_once_it_is_replaced(admin_client, client, storage):
    strange = uuid4()
    connection = await storage.connect(application_name="test")
    await connection.execute(STORE, strange, NEWER[0])
    await connection.close()
    assert (await admin_client.put(f"{RULES}/{strange}", json=rule("mended"))).status_code == 200
    assert await by(client) == "mended"


STORE = """
INSERT INTO verification.stub_rules (id, name, priority, position, revision, definition)
VALUES ($1, 'newer', 1, nextval('verification.stub_revision'), nextval('verification.stub_revision'), $2)
"""
