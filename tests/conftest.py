"""What holds for every test: the configuration under test, no network but loopback, and no skips in CI."""

import os
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings

# A property holds or does not; how long an example takes is the machine's affair.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

collect_ignore = ["packages"]
"""What comes from outside brings a configuration of its own; `end_to_end/test_outside_package.py` runs its tests."""

skipped: list[str] = []


class Figure(NamedTuple):
    """Something measured: of which goal, under which name, what, the bound that it should keep, and whether it does.

    Tests assert properties and never how long a thing took; figures are shown at the end of a run.
    """

    goal: str
    name: str
    measured: str
    bound: str
    kept: bool


figures: list[Figure] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--full`."""
    parser.addoption("--full", action="store_true", help="Run faults and contract at a release's counts.")


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether to run at a release's counts; else at counts that suit every commit."""
    return bool(pytestconfig.getoption("full"))


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Note a figure: `figure("G2", "rescue p95, bell redis", 0.9, "s", at_most=15)`, or `at_least`, or no bound."""

    def note(
        goal: str,
        name: str,
        value: float,
        unit: str = "",
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        kept = (at_most is None or value <= at_most) and (at_least is None or value >= at_least)
        bounds = [f"{sign} {bound:g}" for sign, bound in (("≤", at_most), ("≥", at_least)) if bound is not None]
        record_property("figure", [goal, name, f"{value:.4g} {unit}".strip(), ", ".join(bounds), kept])

    return note


@pytest.fixture(scope="session")
def hexastar_environ() -> dict[str, str]:
    """Every plugin of the house, as a deployment for tests composes it."""
    return {"HEXASTAR__PLUGINS__ENABLED": '["verification"]'}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what was skipped, and what was measured."""
    if report.skipped:
        skipped.append(report.nodeid)
    if report.when == "call":
        figures.extend(Figure(*value) for name, value in report.user_properties if name == "figure")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in CI that skipped something: everything is to be there."""
    if skipped and os.environ.get("CI") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _place(noted: Figure) -> tuple[str, int, str]:
    """Return where a figure stands in the table: G2 before G10, and names of no goal by themselves."""
    letters = noted.goal.rstrip("0123456789")
    return letters, int(noted.goal.removeprefix(letters) or 0), noted.name


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured, and say why the run failed."""
    if figures:
        terminalreporter.section("figures")
        for noted in sorted(figures, key=_place):
            verdict = "kept  " if noted.kept else "MISSED"
            terminalreporter.write_line(f"{verdict} {noted.goal:4} {noted.name}: {noted.measured} {noted.bound}")
    if skipped and os.environ.get("CI"):
        names = ", ".join(skipped)
        terminalreporter.write_line(f"{len(skipped)} skipped in CI, where nothing may be: {names}", red=True)
