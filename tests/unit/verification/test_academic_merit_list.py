"""Merit lists: best first, dense ranks, the tie-break chain, and pages that go on where the last one ended."""

from datetime import date
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.academic.rules.merit import Contender, Mark, calculate
from plugins.verification.academic.rules.merit_list import MeritList, Place
from plugins.verification.academic.rules.merit_rule import MeritRule


def rule(*tie_break, **options):
    document = {"program": "BSCS", "weightage": {"matric": 50, "intermediate": 50}}
    return msgspec.convert({**document, "options": {"tie_break": list(tie_break), **options}}, MeritRule)


def contender(name, matric, intermediate=50, born="2005-01-01"):
    scored = {"matric": matric, "intermediate": intermediate}
    return Contender(
        student_id=name,
        date_of_birth=date.fromisoformat(born) if born else None,
        category="GENERAL",
        gap_years=0,
        marks={k: Mark(obtained=Decimal(v), total=Decimal(100)) for k, v in scored.items() if v is not None},
    )


def listed(asked, *contenders):
    return [(standing.rank, standing.place.student_id) for standing in MeritList(asked, contenders).standings]


def test_the_best_come_first():
    assert listed(rule(), contender("A", 50), contender("B", 90), contender("C", 70)) == [(1, "B"), (2, "C"), (3, "A")]


def test_the_equal_share_a_rank_and_the_next_rank_follows_without_a_gap():
    everybody = [contender("C", 90), contender("A", 90), contender("B", 80)]
    assert listed(rule(), *everybody) == [(1, "A"), (1, "C"), (2, "B")]


def test_a_tie_goes_by_each_link_of_the_chain_in_turn():
    chain = ("intermediate.percentage", "date_of_birth:asc", "student_id:desc")
    everybody = [
        contender("A", 50, 50),
        contender("B", 40, 60),
        contender("C", 50, 50, "2004-01-01"),
        contender("D", 50, 50),
    ]
    assert listed(rule(*chain), *everybody) == [(1, "B"), (2, "C"), (3, "D"), (4, "A")]


def test_what_is_unknown_comes_last_whichever_way_the_link_goes():
    everybody = [contender("A", 50, born=None), contender("B", 50), contender("C", 50, born=None)]
    for link in ("date_of_birth:asc", "date_of_birth:desc"):
        assert listed(rule(link), *everybody) == [(1, "B"), (2, "A"), (2, "C")]


def test_who_cannot_be_ranked_is_left_out():
    assert listed(rule(), contender("A", 50), contender("B", 99, None)) == [(1, "A")]
    assert listed(rule(on_missing="zero"), contender("A", 60), contender("B", 99, None)) == [(1, "A"), (2, "B")]
    assert listed(rule()) == []


def test_a_page_goes_on_after_a_place_that_nobody_holds_any_more():
    standings = MeritList(rule("matric.percentage"), [contender("A", 50), contender("C", 70)])
    gone = Place(Decimal("55.0000"), ["60.0000"], "B")
    assert [standing.place.student_id for standing in standings.after(gone, 5)] == ["A"]


people = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["2005-01-01", "2005-01-02"])))


@given(people, st.integers(1, 4))
def test_pages_put_together_are_the_whole_list(drawn, limit):
    everybody = [contender(f"S{i}", m, k, born) for i, (m, k, born) in enumerate(drawn)]
    merit_list = MeritList(rule("matric.percentage:asc", "date_of_birth:desc"), everybody)
    pages, last = [], None
    while page := merit_list.after(last, limit):
        pages += page
        last = page[-1].place
    assert pages == merit_list.standings


@given(people)
def test_ranks_are_dense_and_agree_with_the_merit_of_each(drawn):
    everybody = [contender(f"S{i}", m, k, born) for i, (m, k, born) in enumerate(drawn)]
    asked = rule("matric.percentage")
    standings = MeritList(asked, everybody).standings
    assert {s.place.student_id: s.place.merit for s in standings} == {
        one.student_id: calculate(asked, one).merit for one in everybody
    }
    ranks = [standing.rank for standing in standings]
    assert ranks == sorted(ranks)
    assert set(ranks) == set(range(1, len(set(ranks)) + 1))
    merits = [standing.place.merit for standing in standings]
    assert merits == sorted(merits, reverse=True)
