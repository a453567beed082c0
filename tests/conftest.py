"""What holds for every test: the configuration under test, no network but loopback, and no skips in CI."""

import os

import pytest
from hypothesis import HealthCheck, settings

# A property holds or does not; how long an example takes is the machine's affair.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

collect_ignore = ["packages"]
"""What comes from outside brings a configuration of its own; `end_to_end/test_outside_package.py` runs its tests."""

skipped: list[str] = []


@pytest.fixture(scope="session")
def hexastar_environ() -> dict[str, str]:
    """Every plugin of the house, as a deployment for tests composes it."""
    return {"HEXASTAR__PLUGINS__ENABLED": '["verification"]'}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what was skipped."""
    if report.skipped:
        skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in CI that skipped something: everything is to be there."""
    if skipped and os.environ.get("CI") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why the run failed."""
    if skipped and os.environ.get("CI"):
        names = ", ".join(skipped)
        terminalreporter.write_line(f"{len(skipped)} skipped in CI, where nothing may be: {names}", red=True)
