"""The checker of histories finds what is wrong, and nothing where nothing is."""

from pathlib import Path

import pytest

from tests.faults.kit.history import Findings, History, Outcome, check, percentile, read_history


def history(path: Path, *outcomes: tuple[str, Outcome]) -> History:
    noted = History(path)
    for name, outcome in outcomes:
        noted.note(1, name, outcome, 0.0, status=201)
    noted.close()
    return noted


def test_acknowledged_is_there_refused_is_not_unknown_is_either(tmp_path: Path) -> None:
    kept = history(tmp_path / "h", ("a", "ok"), ("b", "fail"), ("c", "unknown"), ("d", "unknown"))
    assert check(kept.operations, ["a", "c"]).clean


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ([], {"lost": {"a"}}),
        (["a", "b"], {"resurrected": {"b"}}),
        (["a", "a"], {"doubled": {"a"}}),
        (["a", "e"], {"invented": {"e"}}),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, found: list[str], wrong: dict[str, set[str]]) -> None:
    kept = history(tmp_path / "h", ("a", "ok"), ("b", "fail"), ("c", "unknown"))
    nothing: dict[str, set[str]] = {"lost": set(), "resurrected": set(), "doubled": set(), "invented": set()}
    expected = Findings(**{name: frozenset(names) for name, names in (nothing | wrong).items()})
    assert check(kept.operations, found) == expected
    assert not expected.clean


def test_a_retry_that_is_acknowledged_counts_however_often_it_was_refused_before(tmp_path: Path) -> None:
    kept = history(tmp_path / "h", ("a", "unknown"), ("a", "fail"), ("a", "ok"))
    assert check(kept.operations, ["a"]).clean
    assert check(kept.operations, []).lost == {"a"}


def test_a_file_of_which_a_kill_cut_the_last_line_is_read(tmp_path: Path) -> None:
    kept = history(tmp_path / "h", ("a", "ok"), ("b", "unknown"))
    with (tmp_path / "h").open("ab") as file:
        file.write(b'{"client": 1, "oper')
    assert read_history(tmp_path / "h") == kept.operations


def test_percentiles() -> None:
    assert percentile([], 0.5) == 0
    assert percentile(range(100), 0.99) == 99
    assert percentile([1.0], 0.99) == 1.0
