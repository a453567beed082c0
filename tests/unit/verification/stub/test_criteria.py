"""Criteria: what holds, what differs and how far, and what is no criterion at all."""

import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.stub.rules import criteria as criteria_module
from plugins.verification.stub.rules.criteria import (
    BodyCriterion,
    Criteria,
    InvalidCriteriaError,
    TextCriterion,
    distance,
)
from plugins.verification.stub.rules.patterns import MAX_MATCHED
from plugins.verification.stub.rules.request import StubRequest, TooLaboriousError

compiled = criteria_module.compile


def request(**parts):
    return StubRequest(**{"method": "GET", "path": "/api/v1/doctors/psv/verify"} | parts)


def fault_pointers(criteria: Criteria) -> list[str]:
    with pytest.raises(InvalidCriteriaError) as refused:
        compiled(criteria)
    return [fault.pointer for fault in refused.value.faults]


names = st.sampled_from(["a", "b", "X-Kind", "x-kind"])
texts = st.text(alphabet="ab1\ud800é", max_size=3)
patterns = st.sampled_from(["a+", ".*", "[ab]1?", "é", "()", "1|b"])
text_criteria = st.one_of(
    texts.map(lambda value: TextCriterion(equals=value)),
    texts.filter(bool).map(lambda value: TextCriterion(contains=value)),
    patterns.map(lambda value: TextCriterion(matches=value)),
    st.booleans().map(lambda value: TextCriterion(absent=value)),
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", "b1", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
body_criteria = st.one_of(
    st.builds(BodyCriterion, jsonpath=st.sampled_from(["$", "$.a", "$..b", "$.*", "$[?@.a == 1]"]), equals=documents),
    st.builds(BodyCriterion, jsonpath=st.sampled_from(["$", "$.a", "$..b"]), matches=patterns),
)
any_criteria = st.builds(
    Criteria,
    method=st.none() | st.sampled_from(["GET", "POST"]),
    path=st.none() | st.sampled_from(["/a", "/a/b"]),
    query=st.dictionaries(st.sampled_from("ab"), text_criteria, max_size=2),
    headers=st.dictionaries(st.sampled_from(["a", "X-Kind"]), text_criteria, max_size=2),
    body=st.lists(body_criteria, max_size=2),
)
any_request = st.builds(
    StubRequest,
    method=st.sampled_from(["GET", "POST"]),
    path=st.sampled_from(["/a", "/a/b", "/c"]),
    query=st.dictionaries(st.sampled_from("ab"), st.lists(texts, min_size=1, max_size=2), max_size=2),
    headers=st.dictionaries(st.sampled_from(["a", "x-kind"]), texts, max_size=2),
    body=documents.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=6),
)


@given(any_criteria, any_request)
def test_a_request_matches_exactly_where_nothing_differs(criteria, asked):
    matcher = compiled(criteria)
    differences = matcher.differences(asked)
    assert matcher.matches(asked) == (differences == [])
    assert (distance(differences) == 0) == matcher.matches(asked)
    assert all(difference.distance > 0 for difference in differences)
    msgspec.json.encode(differences)  # whatever the request held can be told to a client


@given(any_request)
def test_no_criteria_hold_for_every_request(asked):
    assert compiled(Criteria()).matches(asked)


@given(any_criteria, any_request)
def test_criteria_hold_exactly_where_each_alone_does(criteria, asked):
    alone = [
        Criteria(method=criteria.method),
        Criteria(path=criteria.path),
        *(Criteria(query={name: wanted}) for name, wanted in criteria.query.items()),
        *(Criteria(headers={name: wanted}) for name, wanted in criteria.headers.items()),
        *(Criteria(body=[wanted]) for wanted in criteria.body),
    ]
    assert compiled(criteria).matches(asked) == all(compiled(one).matches(asked) for one in alone)


@given(any_criteria)
def test_criteria_survive_a_round_trip_through_json(criteria):
    try:
        written = msgspec.json.encode(criteria)
    except UnicodeEncodeError:
        return  # a lone surrogate, which no body can hold
    assert msgspec.json.decode(written, type=Criteria) == criteria


@pytest.mark.parametrize(
    ("wanted", "values", "holds"),
    [
        ({"equals": "1"}, ["2", "1"], True),
        ({"equals": "1"}, ["11"], False),
        ({"equals": ""}, [""], True),
        ({"contains": "ell"}, ["hello"], True),
        ({"contains": "ell"}, [], False),
        ({"matches": "[0-9]{3}"}, ["123"], True),
        ({"matches": "[0-9]{3}"}, ["1234"], False),
        ({"matches": "^[0-9]+$"}, ["123\n"], False),
        ({"matches": "."}, ["é"], True),
        ({"absent": True}, [], True),
        ({"absent": True}, ["x"], False),
        ({"absent": False}, [""], True),
        ({"absent": False}, [], False),
    ],
)
def test_a_text_is_compared_as_a_whole_and_one_of_several_is_enough(wanted, values, holds):
    matcher = compiled(Criteria(query={"x": TextCriterion(**wanted)}))
    assert matcher.matches(request(query={"x": values} if values else {})) is holds


def test_headers_are_named_in_whatever_case():
    matcher = compiled(Criteria(headers={"X-Kind": TextCriterion(equals="a")}))
    assert matcher.matches(request(headers={"x-kind": "a"}))


@pytest.mark.parametrize(
    ("wanted", "body", "holds"),
    [
        ({"jsonpath": "$.a", "equals": 1}, b'{"a": 1.0}', True),
        ({"jsonpath": "$.a", "equals": 1}, b'{"a": true}', False),
        ({"jsonpath": "$.a", "equals": None}, b'{"a": null}', True),
        ({"jsonpath": "$.a", "equals": None}, b"{}", False),
        ({"jsonpath": "$.a", "equals": {"x": 1, "y": [2]}}, b'{"a": {"y": [2], "x": 1}}', True),
        ({"jsonpath": "$.a", "equals": [1, 2]}, b'{"a": [2, 1]}', False),
        ({"jsonpath": "$.items[*].code", "equals": "B"}, b'{"items": [{"code": "A"}, {"code": "B"}]}', True),
        ({"jsonpath": "$..code", "matches": "[A-Z]"}, b'{"x": {"code": "B"}}', True),
        ({"jsonpath": "$.a", "matches": "1.5"}, b'{"a": 1.5}', True),
        ({"jsonpath": "$.a", "matches": "true"}, b'{"a": true}', True),
        ({"jsonpath": "$.a", "matches": ".*"}, b'{"a": {}}', False),
        ({"jsonpath": "$", "equals": {}}, b"", False),
        ({"jsonpath": "$", "matches": ".*"}, b"not json", False),
        ({"jsonpath": "$", "matches": ".*"}, b"\xff\xfe", False),
        ({"jsonpath": "$[?@.a == 1].b", "equals": 2}, b'[{"a": 1, "b": 2}]', True),
    ],
)
def test_a_body_is_compared_value_by_value(wanted, body, holds):
    assert compiled(Criteria(body=[BodyCriterion(**wanted)])).matches(request(body=body)) is holds


@pytest.mark.parametrize(
    ("criteria", "pointers"),
    [
        (Criteria(path="/a", path_regex="/a"), ["/path_regex"]),
        (Criteria(path_regex="("), ["/path_regex"]),
        (Criteria(path_regex=r"(a)\1"), ["/path_regex"]),
        (Criteria(path_regex="(?=a)"), ["/path_regex"]),
        (Criteria(path_regex="((a{100}){100}){100}"), ["/path_regex"]),
        (Criteria(path_regex="\ud800"), ["/path_regex"]),
        (Criteria(query={"x": TextCriterion()}), ["/query/x"]),
        (Criteria(query={"a/b~": TextCriterion(equals="1", contains="2")}), ["/query/a~1b~0"]),
        (Criteria(headers={"X": TextCriterion(matches="[")}), ["/headers/X/matches"]),
        (Criteria(headers={"X": TextCriterion(equals="1"), "x": TextCriterion(equals="1")}), ["/headers/x"]),
        (Criteria(body=[BodyCriterion(jsonpath="$")]), ["/body/0"]),
        (Criteria(body=[BodyCriterion(jsonpath="$", equals=1, matches="1")]), ["/body/0"]),
        (Criteria(body=[BodyCriterion(jsonpath="$.[", equals=1)]), ["/body/0/jsonpath"]),
        (Criteria(body=[BodyCriterion(jsonpath="a", equals=1)]), ["/body/0/jsonpath"]),
        (Criteria(body=[BodyCriterion(jsonpath="$", matches="(")]), ["/body/0/matches"]),
        (Criteria(body=[BodyCriterion(jsonpath="$", equals="x" * 9000)]), ["/body/0/equals"]),
        (
            Criteria(
                path_regex="(", query={"x": TextCriterion(matches="(")}, body=[BodyCriterion(jsonpath="", equals=1)]
            ),
            ["/path_regex", "/query/x/matches", "/body/0/jsonpath"],
        ),
    ],
)
def test_what_is_no_criterion_is_refused_with_every_place(criteria, pointers):
    assert fault_pointers(criteria) == pointers


@pytest.mark.parametrize(
    "query", ["$..*..*", "$[?$..a]", "$" + "[*,*]" * 4, "$[?match(@.a, 'a')]", "$[?search(@.a, 'a')]"]
)
def test_what_multiplies_the_work_is_refused(query):
    assert fault_pointers(Criteria(body=[BodyCriterion(jsonpath=query, equals=1)])) == ["/body/0/jsonpath"]


@pytest.mark.parametrize(
    "query",
    [
        "$" + "[*,*]" * 50,
        "$..*..*",
        "$[?$..a]",
        "$[?match(@.a, '(a+)+$')]",
        "$[?search(@.a, '(a+)+$')]",
        "$[?" + "(" * 100 + "@.a" + ")" * 100 + "]",
        "$[?" + "!" * 200 + "@.a]",
        "$['\ud800']",
        "$..",
        "$[99999999999999999999]",
    ],
)
def test_a_query_that_could_be_expensive_is_refused_or_cheap(query):
    deep = b'{"a":' * 90 + b"1" + b"}" * 90
    try:
        matcher = compiled(Criteria(body=[BodyCriterion(jsonpath=query, equals=0)]))
    except InvalidCriteriaError:
        return
    assert not matcher.matches(request(body=deep))


@given(st.text(alphabet="$@.*[]()?!&|=<>:,'\"ab01- \\{}^+", max_size=60))
def test_no_query_and_no_expression_breaks_the_compiler(text):
    criteria = Criteria(
        path_regex=text, body=[BodyCriterion(jsonpath=text, equals=1), BodyCriterion(jsonpath="$" + text, equals=1)]
    )
    try:
        compiled(criteria).differences(request(body=b'{"a": [0, {"b": "1"}]}'))
    except InvalidCriteriaError:
        return


def test_the_slowest_expression_and_the_slowest_query_stay_bounded(figure):
    hard = compiled(
        Criteria(path_regex="(a|a?)+" * 60 + "b", body=[BodyCriterion(jsonpath="$..[?@[?@[?@]]]", equals=0)])
    )
    asked = request(path="/" + "a" * 8_000, body=b"[" + b"[[[]]]," * 9_000 + b"[]]")
    began = time.process_time()
    assert not hard.matches(asked)
    assert len(hard.differences(asked)) == 2
    figure("stub", "slowest criteria on a 64 KiB request", time.process_time() - began, "s", at_most=2)


WALK = "(x|y)*x(x|y){400}z"
"""An expression that keeps four hundred places in mind at once."""

BOMBS = [
    Criteria(query={str(number): TextCriterion(matches=WALK) for number in range(32)}),
    Criteria(body=[BodyCriterion(jsonpath="$.texts[*]", matches=WALK)]),
    Criteria(body=[BodyCriterion(jsonpath=f"$..z{number}", equals=1) for number in range(16)]),
    Criteria(body=[BodyCriterion(jsonpath="$..[?@[?@[?@[?@[?@==1]]]]]", equals=1)] * 4),
]


@pytest.mark.parametrize("criteria", BOMBS)
def test_what_would_hold_up_everybody_is_given_up(criteria, figure):
    texts = ["xy" * 4_000] * 64
    asked = request(query=dict.fromkeys(map(str, range(32)), texts), body=json.dumps({"texts": texts}).encode())
    began = time.process_time()
    with pytest.raises(TooLaboriousError):
        list(map(compiled(criteria).differences, [asked] * 100))
    figure("stub", "until comparing is given up", time.process_time() - began, "s", at_most=2)


def test_no_expression_matches_a_longer_text_or_is_larger_than_allowed():
    matcher = compiled(Criteria(query={"a": TextCriterion(matches="a*")}))
    assert matcher.matches(request(query={"a": ["a" * MAX_MATCHED]}))
    assert not matcher.matches(request(query={"a": ["a" * (MAX_MATCHED + 1)]}))
    assert fault_pointers(Criteria(path_regex="\\pL{50}", query={"a": TextCriterion(matches="(a{20}){500}")})) == [
        "/path_regex",
        "/query/a/matches",
    ]


def test_a_nearer_request_has_the_smaller_distance():
    matcher = compiled(
        Criteria(method="GET", path="/api/v1/doctors/psv/license/status", query={"npi": TextCriterion(equals="1")})
    )
    asked = [
        request(path="/api/v1/doctors/psv/license/status", query={"npi": ["2"]}),
        request(path="/api/v1/doctors/psv/license/stats", query={"npi": ["1"]}),
        request(path="/api/v1/doctors/psv/license/stats", query={}),
        request(path="/api/v1/insurance/claims", query={}),
        request(method="POST", path="/elsewhere", query={}),
    ]
    distances = [distance(matcher.differences(one)) for one in asked]
    assert distances == sorted(distances)
    assert distances[0] < distances[2] < distances[3] < distances[4]


def test_a_difference_tells_what_was_wanted_and_what_was_there():
    matcher = compiled(
        Criteria(query={"npi": TextCriterion(equals="1")}, body=[BodyCriterion(jsonpath="$.a", equals=1)])
    )
    query, body = matcher.differences(request(query={"npi": ["2", "\ud8003"]}, body=b'{"a": 2}'))
    assert (query.field, query.expected, query.actual) == ("query.npi", "equals 1", "2, ?3")
    assert (body.field, body.expected, body.actual) == ("body $.a", "equals 1", "2")


def test_a_difference_repeats_no_long_value():
    [difference] = compiled(Criteria(query={"x": TextCriterion(equals="y" * 2_000)})).differences(
        request(query={"x": ["z" * 60_000]})
    )
    assert len(difference.expected) < 300
    assert len(difference.actual) < 300
