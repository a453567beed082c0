"""What keeps a rule from being saved is told with a pointer to its place; scenarios lead where their rules lead."""

import json
from uuid import UUID

import msgspec
import pytest

from plugins.verification.stub.rules.compiled import CompiledRule, rule_faults
from plugins.verification.stub.rules.definition import MAX_RULE_BYTES, RuleDefinition
from plugins.verification.stub.rules.reachability import named_states, reachable_states


def rule(**members) -> RuleDefinition:
    return msgspec.convert({"name": "a rule", **members}, RuleDefinition)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"response": {"status": 204}},
        {"response": {"json": None}},
        {"response": {"text": ""}},
        {"response": {"fault": "timeout"}},
        {"response": {"json": {"a": "{{not a template}}"}}},
        {"response": {"text": "{{uuid}}", "template": True, "headers": {"Content-Type": "text/csv", "X-A": "b"}}},
        {"scenario": {"name": "s", "new_state": "b"}},
        {"match": {"path_regex": "/api/.*", "body": [{"jsonpath": "$.a", "equals": None}]}},
    ],
)
def test_a_sound_rule_can_be_used(members):
    definition = rule(**members)
    assert list(rule_faults(definition)) == []
    CompiledRule(UUID(int=1), 1, 1, definition)


@pytest.mark.parametrize(
    ("members", "pointer", "code"),
    [
        ({"match": {"path_regex": "("}}, "/match/path_regex", "invalid_criteria"),
        ({"match": {"path": "/a", "path_regex": "/a"}}, "/match/path_regex", "invalid_criteria"),
        ({"match": {"query": {"a": {"matches": "(?=x)"}}}}, "/match/query/a/matches", "invalid_criteria"),
        ({"match": {"query": {"a": {}}}}, "/match/query/a", "invalid_criteria"),
        ({"match": {"body": [{"jsonpath": "$[", "equals": 1}]}}, "/match/body/0/jsonpath", "invalid_criteria"),
        ({"response": {"json": 1, "text": "a"}}, "/response/text", "two_bodies"),
        ({"response": {"status": 204, "json": 1}}, "/response/status", "no_body_allowed"),
        ({"response": {"headers": {"X-A": "a\r\nSet-Cookie: b"}}}, "/response/headers/X-A", "invalid_header"),
        ({"response": {"headers": {"X-A": "a\n"}}}, "/response/headers/X-A", "invalid_header"),
        ({"response": {"headers": {"X-A": "a\x00"}}}, "/response/headers/X-A", "invalid_header"),
        ({"response": {"headers": {"X-A": "\u20ac"}}}, "/response/headers/X-A", "invalid_header"),
        ({"response": {"headers": {"X-A": " a"}}}, "/response/headers/X-A", "invalid_header"),
        ({"response": {"headers": {"X A": "a"}}}, "/response/headers/X A", "invalid_header"),
        ({"response": {"headers": {"a/b~c": "a"}}}, "/response/headers/a~1b~0c", "invalid_header"),
        ({"response": {"headers": {"": "a"}}}, "/response/headers/", "invalid_header"),
        (
            {"response": {"headers": {"Transfer-Encoding": "chunked"}}},
            "/response/headers/Transfer-Encoding",
            "invalid_header",
        ),
        ({"response": {"headers": {"Content-Length": "1"}}}, "/response/headers/Content-Length", "invalid_header"),
        ({"response": {"headers": {"X-Stub-Rule": "1"}}}, "/response/headers/X-Stub-Rule", "invalid_header"),
        ({"response": {"headers": {"X-A": "1", "x-a": "2"}}}, "/response/headers/x-a", "invalid_header"),
        ({"response": {"delay": {}}}, "/response/delay", "invalid_delay"),
        (
            {"response": {"delay": {"uniform": {"lower": 2, "upper": 1}}}},
            "/response/delay/uniform/upper",
            "invalid_delay",
        ),
        ({"response": {"text": "{{x}}", "template": True}}, "/response/text", "invalid_template"),
        ({"response": {"json": {"a/b": ["{{x}}"]}, "template": True}}, "/response/json/a~1b/0", "invalid_template"),
        ({"response": {"text": "{{now}}" * 65, "template": True}}, "/response", "invalid_template"),
        ({"response": {"template": True}}, "/response/template", "invalid_template"),
        ({"scenario": {"name": "s"}}, "/scenario", "invalid_scenario"),
        ({"response": {"text": "x" * MAX_RULE_BYTES}}, "", "rule_too_large"),
        ({"response": {"json": ["x" * MAX_RULE_BYTES]}}, "", "rule_too_large"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(members, pointer, code):
    assert (pointer, code) in [(fault.pointer, fault.code) for fault in rule_faults(rule(**members))]


def test_all_that_is_wrong_is_told_at_once():
    faults = rule_faults(
        rule(
            match={"path_regex": "(", "query": {"a": {"matches": "["}}},
            response={"text": "{{x}}", "json": ["{{y}}"], "template": True, "headers": {"Te": "x"}, "delay": {}},
        )
    )
    assert {fault.pointer for fault in faults} == {
        "/match/path_regex",
        "/match/query/a/matches",
        "/response/text",
        "/response/json/0",
        "/response/headers/Te",
        "/response/delay",
    }


def test_an_answer_keeps_the_order_of_its_members_and_names_its_rule():
    made = CompiledRule(UUID(int=9), 1, 1, rule(response={"status": 418, "json": {"b": 1, "a": [True, None, 1.5]}}))
    headers, body = made.answer(None)
    assert body == b'{"b":1,"a":[true,null,1.5]}'
    assert dict(headers) == {
        b"content-type": b"application/json",
        b"content-length": str(len(body)).encode(),
        b"x-stub-rule": b"00000000-0000-0000-0000-000000000009",
    }
    assert headers is not made.answer(None)[0]  # whoever adds headers to an answer adds them to that one


def test_a_header_of_the_rule_replaces_the_content_type():
    made = CompiledRule(UUID(int=9), 1, 1, rule(response={"text": "a,b", "headers": {"content-TYPE": "text/csv"}}))
    assert [value for name, value in made.answer(None)[0] if name == b"content-type"] == [b"text/csv"]


def test_what_is_stored_is_read_again_the_same():
    definition = rule(response={"json": {"z": 1, "a": {"y": [1, 2.5, "x"]}}}, match={"path": "/a"}, times=3)
    assert msgspec.json.decode(msgspec.json.encode(definition), type=RuleDefinition) == definition
    assert json.loads(msgspec.json.encode(definition))["response"]["json"] == {"z": 1, "a": {"y": [1, 2.5, "x"]}}


@pytest.mark.parametrize(
    ("steps", "reachable"),
    [
        ([], {"Started"}),
        ([("Started", "a"), ("a", "b")], {"Started", "a", "b"}),
        ([("b", "c"), ("a", "b"), ("Started", "a")], {"Started", "a", "b", "c"}),
        ([("a", "b"), ("b", "a")], {"Started"}),
        ([("a", "a")], {"Started"}),
        ([(None, "x"), ("x", None)], {"Started", "x"}),
    ],
)
def test_a_state_is_reachable_by_a_chain_of_rules_from_the_first_one(steps, reachable):
    assert reachable_states(steps) == reachable


def test_every_state_that_rules_name_is_listed():
    assert named_states([("b", None), (None, "a"), ("Started", "c")]) == ["Started", "a", "b", "c"]
