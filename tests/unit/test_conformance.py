"""What the runs over the OpenAPI document come to: green only when enough of its links were followed."""

import json
from pathlib import Path

import pytest

from tests.conformance.principals import PRINCIPALS
from tests.conformance.summary import Summary

ADMIN, USER, _ = PRINCIPALS


@pytest.fixture
def report(tmp_path: Path) -> Path:
    file = tmp_path / "report.json"
    file.write_text(json.dumps({"exit_code": 0}), encoding="utf-8")
    return file


def links(folder: Path, *followed: str) -> Path:
    file = folder / "links.json"
    file.write_text(json.dumps({"followed": followed, "declared": 4}), encoding="utf-8")
    return file


def test_links_of_all_parts_are_counted_once_each(tmp_path: Path, report: Path) -> None:
    summary = Summary(least_links=3)
    summary.add(ADMIN, "domain", 1, report, links(tmp_path, "a", "b"))
    summary.add(ADMIN, "stub", 1, report, links(tmp_path, "b", "c"))
    assert summary.is_clean
    assert "links followed as admin, seed 1: 3 of 8 (at least 3)" in str(summary)


def test_too_few_links_fail_with_each_seed_however_many_another_followed(tmp_path: Path, report: Path) -> None:
    summary = Summary(least_links=3)
    summary.add(ADMIN, "domain", 1, report, links(tmp_path, "a", "b", "c"))
    assert summary.is_clean
    summary.add(ADMIN, "domain", 2, report, links(tmp_path, "d", "e"))
    assert not summary.is_clean


def test_a_run_that_notes_no_links_has_followed_none(tmp_path: Path, report: Path) -> None:
    summary = Summary(least_links=3)
    summary.add(ADMIN, "domain", 1, report, tmp_path / "missing.json")
    assert not summary.is_clean


def test_who_may_not_follow_every_link_may_follow_few(tmp_path: Path, report: Path) -> None:
    summary = Summary(least_links=3)
    summary.add(USER, "domain", 1, report, links(tmp_path, "a"))
    assert summary.is_clean
