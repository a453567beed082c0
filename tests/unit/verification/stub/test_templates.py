"""Templates repeat parts of the request, keep JSON valid, and know nothing else."""

import json
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.stub.rules.request import StubRequest
from plugins.verification.stub.rules.templates import (
    MAX_VALUE,
    InvalidTemplateError,
    JsonTemplate,
    Moment,
    TextTemplate,
    expressions_in,
)

BODY = {"patient": {"name": 'A "B"', "age": 41, "tags": ["x", "y"], "gone": None}, "amount": 12.5}


def moment(**request) -> Moment:
    given = {
        "method": "POST",
        "path": "/api/v1/doctors/psv/verify",
        "query": {"npi": ["1234567893", "other"]},
        "headers": {"x-trace": "t-1"},
        "body": json.dumps(BODY).encode(),
    }
    at = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    return Moment(StubRequest(**(given | request)), at, UUID(int=7))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain } text { with }} braces", "plain } text { with }} braces"),
        ("{{request.method}} {{ request.path }}", "POST /api/v1/doctors/psv/verify"),
        ("{{request.path.0}}|{{request.path.2}}|{{request.path.9}}", "api|doctors|"),
        ("{{request.query.npi}}|{{request.query.none}}", "1234567893|"),
        ("{{request.headers.X-Trace}}|{{request.headers.x-none}}", "t-1|"),
        ("{{request.body.$.patient.age}} {{request.body.$.patient.tags[1]}}", "41 y"),
        ('{{request.body.$.patient.tags}} {{request.body.$["amount"]}}', '["x","y"] 12.5'),
        ("{{request.body.$.patient.gone}}{{request.body.$.nowhere}}", ""),
        ("{{now}} {{uuid}}", "2026-01-05T09:30:00.000Z 00000000-0000-0000-0000-000000000007"),
    ],
)
def test_expressions_in_text(template, text):
    assert TextTemplate(template).render(moment()).decode() == text


def test_a_string_that_is_one_expression_becomes_the_value_with_its_type():
    document = {
        "age": "{{request.body.$.patient.age}}",
        "patient": "{{request.body.$.patient}}",
        "nobody": "{{request.body.$.nowhere}}",
        "npi": "{{request.query.npi}}",
        "text": "age {{request.body.$.patient.age}}: {{request.body.$.patient.name}}",
        "list": ["{{request.method}}", 1, True, None],
    }
    assert json.loads(JsonTemplate(document).render(moment())) == {
        "age": 41,
        "patient": BODY["patient"],
        "nobody": None,
        "npi": "1234567893",
        "text": 'age 41: A "B"',
        "list": ["POST", 1, True, None],
    }


@pytest.mark.parametrize(
    "template",
    [
        "{{}}",
        "{{request}}",
        "{{request.cookies.x}}",
        "{{request.path.one}}",
        "{{request.path.123}}",
        "{{request.query.}}",
        "{{request.query.a b}}",
        "{{request.headers.a:b}}",
        "{{request.body}}",
        "{{request.body.patient}}",
        "{{request.body.$[}}",
        "{{request.body.$..a..b}}",
        "{{counter}}",
        "{{now()}}",
        "{{#if request}}",
        "{{{request.method}}}",
        "{{ 7*7 }}",
        "{{__class__}}",
        "{{request.method",
        "a {{ b",
        "{{" + "x" * 400 + "}}",
    ],
)
def test_whatever_is_not_of_the_grammar_is_refused(template):
    with pytest.raises(InvalidTemplateError):
        expressions_in(template)
    with pytest.raises(InvalidTemplateError):
        JsonTemplate({"a": [template]})


def test_values_are_cut_so_that_an_answer_is_bounded_by_its_template():
    long = "x" * (3 * MAX_VALUE)
    asked = moment(query={"npi": [long]}, body=json.dumps({"list": list(range(9999)), "text": long}).encode())
    assert len(TextTemplate("{{request.query.npi}}").render(asked)) == MAX_VALUE
    assert len(TextTemplate("{{request.body.$.list}}").render(asked)) == MAX_VALUE
    document = JsonTemplate({"a": "{{request.query.npi}}", "b": "{{request.body.$.list}}"}).render(asked)
    assert json.loads(document) == {"a": "x" * MAX_VALUE, "b": None}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=8).map(lambda text: text.replace("{{", "")),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_a_document_without_expressions_is_answered_as_it_is(document):
    assert msgspec.json.decode(JsonTemplate(document).render(moment())) == document


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_the_request_says_json_stays_valid_and_text_stays_utf_8(value, header):
    asked = moment(query={"npi": [value]}, headers={"x-trace": header}, body=value.encode("utf-8", "surrogatepass"))
    document = {"a": "{{request.query.npi}}", "b": "<{{request.headers.x-trace}}>", "c": "{{request.body.$}}"}
    found = json.loads(JsonTemplate(document).render(asked))
    assert found["a"] == value.encode("utf-8", "replace").decode()
    assert found["b"] == f"<{header.encode('utf-8', 'replace').decode()}>"
    TextTemplate("{{request.query.npi}}").render(asked).decode()
