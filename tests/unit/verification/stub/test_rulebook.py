"""The index of rules finds what a look at every rule would find, in the same order."""

from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.stub.rules.compiled import CompiledRule
from plugins.verification.stub.rules.criteria import BodyCriterion, Criteria, TextCriterion
from plugins.verification.stub.rules.criteria import compile as compile_criteria
from plugins.verification.stub.rules.definition import RuleDefinition
from plugins.verification.stub.rules.request import StubRequest
from plugins.verification.stub.rules.rulebook import MAX_PLACES, Rulebook

PATHS = ("/a", "/a/b", "/c")
NAMES = ("x", "y")
VALUES = ("1", "2", "", "true")
SCALARS = (None, True, False, 0, 1, 1.0, 1.5, "1", "")
QUERIES = ("$.x", "$.y", "$..x", "$.*")

texts = st.sampled_from(VALUES)
criterion = st.one_of(
    texts.map(lambda value: TextCriterion(equals=value)),
    st.just(TextCriterion(contains="1")),
    st.just(TextCriterion(matches="[12]")),
    st.booleans().map(lambda value: TextCriterion(absent=value)),
)
by_name = st.dictionaries(st.sampled_from(NAMES), criterion, max_size=2)
body_criterion = st.builds(
    BodyCriterion, jsonpath=st.sampled_from(QUERIES), equals=st.sampled_from((*SCALARS, [1], {"x": 1}))
)
places = st.one_of(
    st.just({}), st.sampled_from(PATHS).map(lambda path: {"path": path}), st.just({"path_regex": "/a(/.*)?"})
)
criteria = st.builds(
    lambda method, place, query, headers, body: Criteria(
        method=method, **place, query=query, headers={name.upper(): each for name, each in headers.items()}, body=body
    ),
    st.sampled_from((None, "GET", "POST")),
    places,
    by_name,
    by_name,
    st.lists(body_criterion, max_size=2),
)
documents = st.dictionaries(st.sampled_from(NAMES), st.sampled_from((*SCALARS, [1], {"x": 1})), max_size=2)
requests = st.builds(
    StubRequest,
    method=st.sampled_from(("GET", "POST")),
    path=st.sampled_from(PATHS),
    query=st.dictionaries(st.sampled_from(NAMES), st.lists(texts, min_size=1, max_size=3), max_size=2),
    headers=st.dictionaries(st.sampled_from(NAMES), texts, max_size=2),
    body=st.one_of(st.just(b""), st.just(b"{"), documents.map(msgspec.json.encode)),
)
rules = st.lists(st.tuples(criteria, st.integers(1, 3)), max_size=12)


def compiled(position: int, match: Criteria = Criteria(), priority: int = 500) -> CompiledRule:  # noqa: B008 - frozen
    return CompiledRule(
        UUID(int=position), position, position, RuleDefinition(name="r", match=match, priority=priority)
    )


@given(rules, st.lists(requests, min_size=1, max_size=4))
def test_the_index_finds_what_a_look_at_every_rule_finds(drawn, asked):
    made = [compiled(position, match, priority) for position, (match, priority) in enumerate(drawn, 1)]
    book = Rulebook(made)
    in_order = sorted(made, key=lambda rule: (rule.definition.priority, -int(rule.id)))
    for request in asked:
        expected = [rule.id for rule in in_order if compile_criteria(rule.definition.match).matches(request)]
        assert [rule.id for rule in book.matching(request)] == expected
        assert book.concerns(request.method, request.path) or not expected


def test_the_lowest_priority_answers_and_of_equals_the_newest():
    book = Rulebook(
        [compiled(1, priority=2), compiled(2, priority=1), compiled(3, priority=1), compiled(4, priority=3)]
    )
    found = book.matching(StubRequest(method="GET", path="/a"))
    assert [int(rule.id) for rule in found] == [3, 2, 1, 4]


def test_a_request_is_compared_with_the_rules_that_demand_its_own_values_only():
    """A thousand rules for other values cost nothing."""
    wanted = [Criteria(path="/a", query={"x": TextCriterion(equals=str(number))}) for number in range(1000)]
    book = Rulebook(compiled(position, match) for position, match in enumerate(wanted, 1))
    compared = []
    for rule in book.rules:
        rule.matcher = Counted(rule.matcher, compared)
    found = list(book.matching(StubRequest(method="GET", path="/a", query={"x": ["500"]})))
    assert [int(rule.id) for rule in found] == [501]
    assert len(compared) == 1


class Counted:
    """A matcher that tells how often it was asked."""

    def __init__(self, matcher, asked):
        self._matcher = matcher
        self._asked = asked

    def matches(self, request):
        self._asked.append(request)
        return self._matcher.matches(request)


def test_paths_that_clients_make_up_are_not_remembered_for_ever():
    book = Rulebook([compiled(1)])
    for number in range(3 * MAX_PLACES):
        assert book.concerns("GET", f"/{number}")
    assert len(book._shelves) <= MAX_PLACES
