"""Scenarios: a state for each key, moved on by the answers of rules, once however many ask."""

import asyncio

import pytest

from core.testing.application import running_application
from core.testing.migrated import environ_for_tests
from plugins.verification.stub.service.control import control_of
from tests.plugins.verification.stub.stubs import LICENSE, STUB, by, rule, save

SCENARIOS = f"{STUB}/scenarios"


async def tell(client, *steps, name="claim", key_from=None):
    """Save a rule for each step of a scenario: the state that it requires, and the one it leads to."""
    for required, new in steps:
        step = {"name": name, "required_state": required, "new_state": new, "key_from": key_from}
        given = {key: value for key, value in step.items() if value is not None}
        await save(client, rule(f"{required}->{new}", scenario=given))


async def answers(client, count, **request):
    return [await by(client, **request) for _ in range(count)]


async def test_each_answer_leads_to_the_next_state(admin_client, client):
    await tell(admin_client, ("Started", "sent"), ("sent", "done"), ("done", None))
    assert await answers(client, 4) == ["Started->sent", "sent->done", "done->None", "done->None"]


async def test_where_no_rule_answers_in_the_state_the_handler_does(admin_client, client):
    await tell(admin_client, ("Started", "gone"))
    assert await answers(client, 3) == ["Started->gone", None, None]


async def test_a_rule_that_requires_no_state_answers_in_any(admin_client, client):
    await tell(admin_client, ("Started", "a"))
    await save(admin_client, rule("any", priority=900, scenario={"name": "claim", "new_state": "Started"}))
    assert await answers(client, 4) == ["Started->a", "any", "Started->a", "any"]


@pytest.mark.parametrize(
    ("key_from", "ask"),
    [
        ("query.doctor_id", lambda key: {"params": {"doctor_id": key}}),
        ("header.X-Order", lambda key: {"headers": {"x-order": key}}),
        ("header.X-Stub-Session", lambda key: {"headers": {"X-Stub-Session": key}}),
        (None, lambda key: {"headers": {"X-Stub-Session": key}}),
    ],
)
async def test_each_key_has_a_state_of_its_own(admin_client, client, key_from, ask):
    await tell(admin_client, ("Started", "b"), ("b", None), key_from=key_from)
    assert await answers(client, 2, **ask("one")) == ["Started->b", "b->None"]
    assert await answers(client, 2, **ask("two")) == ["Started->b", "b->None"]
    [scenario] = (await admin_client.get(SCENARIOS)).json()["data"]
    assert (scenario["name"], scenario["possible_states"], scenario["instance_count"]) == ("claim", ["Started", "b"], 2)
    assert [(each["key"], each["state"], each["hits"]) for each in scenario["instances"]] == [
        ("one", "b", 1),
        ("two", "b", 1),
    ]


@pytest.mark.parametrize("key", [None, "x" * 257, "a\u0000b", "\u202e"])
async def test_a_request_that_does_not_say_its_key_is_not_the_scenarios(admin_client, client, key):
    await tell(admin_client, ("Started", "b"), key_from="query.doctor_id")
    assert await by(client, params={} if key is None else {"doctor_id": key}) is None


async def test_parallel_requests_of_one_key_make_one_transition(admin_client, client, full):
    await tell(admin_client, ("Started", "taken"), ("taken", None), key_from="query.doctor_id")
    for number in range(20 if full else 3):
        asked = [by(client, params={"doctor_id": f"D{number}"}) for _ in range(50)]
        told = await asyncio.gather(*asked)
        assert sorted(told, key=str) == ["Started->taken", *["taken->None"] * 49]


async def test_parallel_requests_use_a_rule_up_exactly(admin_client, client):
    await save(admin_client, rule("else", priority=900))
    await save(admin_client, rule("ten", times=10))
    told = await asyncio.gather(*(by(client) for _ in range(50)))
    assert sorted(told) == ["else"] * 40 + ["ten"] * 10


async def test_rules_that_others_have_used_up_are_passed_over_however_many(admin_client, application, client):
    """As in a process that starts late: it learns of each such rule as it comes to it."""
    await save(admin_client, rule("else", priority=900))
    for number in range(6):
        await save(admin_client, rule(f"once {number}", times=1))
    assert [await by(client) for _ in range(7)] == [*(f"once {number}" for number in range(5, -1, -1)), "else"]
    control_of(application.services).keeper.exhausted.clear()
    assert await by(client) == "else"


async def test_a_use_and_an_advance_are_both_done_or_neither(admin_client, client):
    step = {"name": "s", "new_state": "b", "key_from": "query.doctor_id"}
    saved = await save(admin_client, rule("both", times=5, scenario=step))
    told = await asyncio.gather(*(by(client, params={"doctor_id": f"D{number % 10}"}) for number in range(20)))
    used = (await admin_client.get(f"{STUB}/rules/{saved['id']}")).json()["used"]
    [scenario] = (await admin_client.get(SCENARIOS)).json()["data"]
    moved = [each for each in scenario["instances"] if each["state"] == "b"]
    assert used == told.count("both") == 5
    assert len(moved) <= 5
    assert all(each["hits"] == 1 for each in moved)


async def test_when_others_always_come_first_the_request_is_told_so(admin_client, application, client):
    """A scenario that turns round and round under many requests: nobody is told of a state that was not."""
    await tell(admin_client, ("Started", "b"), ("b", "Started"))
    told = await asyncio.gather(*(client.get(LICENSE) for _ in range(60)))
    answered = [answer for answer in told if answer.status_code == 200]
    refused = [answer for answer in told if answer.status_code == 409]
    assert len(answered) + len(refused) == 60
    assert {answer.json()["code"] for answer in refused} <= {"stub_scenario_contended"}
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    [scenario] = (await admin_client.get(SCENARIOS)).json()["data"]
    assert scenario["instances"][0]["hits"] == len(answered)


async def test_a_scenario_keeps_states_for_so_many_keys_and_no_more(
    database, hexastar_config, hexastar_environ, tmp_path
):
    environ = hexastar_environ | {"HEXASTAR__PLUGINS__VERIFICATION__STUB__MAX_INSTANCES": "2"}
    async with (
        running_application(str(hexastar_config), environ_for_tests(database, environ, tmp_path)) as running,
        running.admin_client() as client,
    ):
        await tell(client, ("Started", "b"), ("b", None), key_from="query.doctor_id")
        told = [await client.get(LICENSE, params={"doctor_id": key}) for key in ("one", "two", "three", "one")]
        assert [answer.status_code for answer in told] == [200, 200, 409, 200]
        assert told[2].json()["code"] == "stub_scenario_contended"
        await client.post(f"{STUB}/reset")


async def test_a_scenario_can_be_put_into_a_state(admin_client, client):
    await tell(admin_client, ("Started", "b"), ("b", None))
    answer = await admin_client.put(f"{SCENARIOS}/claim/state", json={"state": "b"})
    assert answer.status_code == 200
    assert (answer.json()["key"], answer.json()["state"]) == ("", "b")
    assert await by(client) == "b->None"
    assert await by(client, headers={"X-Stub-Session": "other"}) == "Started->b"
    await admin_client.put(f"{SCENARIOS}/claim/state", json={"state": "Started", "key": "other"})
    assert await by(client, headers={"X-Stub-Session": "other"}) == "Started->b"


async def test_an_unknown_state_is_refused_with_those_that_there_are(admin_client):
    await tell(admin_client, ("Started", "b"), ("b", "c"))
    answer = await admin_client.put(f"{SCENARIOS}/claim/state", json={"state": "d"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_stub_state")
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["meta"]) == ("/state", {"possible_states": ["Started", "b", "c"]})
    answer = await admin_client.put(f"{SCENARIOS}/no-such/state", json={"state": "b"})
    assert (answer.status_code, answer.json()["code"]) == (404, "stub_scenario_not_found")


async def test_scenarios_can_be_set_back_one_or_all(admin_client, client):
    await tell(admin_client, ("Started", "b"))
    await save(
        admin_client,
        rule("other", priority=900, scenario={"name": "other", "required_state": "Started", "new_state": "b"}),
    )
    assert await answers(client, 3) == ["Started->b", "other", None]
    assert (await admin_client.post(f"{SCENARIOS}/reset?name=other")).json() == {"reset": 1}
    assert await answers(client, 2) == ["other", None]
    assert (await admin_client.post(f"{SCENARIOS}/reset")).json() == {"reset": 2}
    assert await answers(client, 2) == ["Started->b", "other"]


async def test_scenarios_are_listed_by_name_a_page_at_a_time(admin_client):
    for name in "bca":
        await save(admin_client, rule(name, scenario={"name": name, "new_state": "x"}))
    first = (await admin_client.get(SCENARIOS, params={"limit": 2})).json()
    assert [each["name"] for each in first["data"]] == ["a", "b"]
    cursor = first["page"]["next_cursor"]
    second = (await admin_client.get(SCENARIOS, params={"limit": 2, "cursor": cursor})).json()
    assert [each["name"] for each in second["data"]] == ["c"]
    assert second["data"][0]["instances"] == []
