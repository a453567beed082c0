"""A failpoint kills the process where it stands, at the passage that was asked for, and nowhere in production."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.composition import compose
from core.failpoints import VARIABLE, Failpoint
from core.faults import ConfigurationError

ROOT = Path(__file__).parents[2]

PROGRAM = """
import os, sys
from core.failpoints import Failpoint, arm
here = Failpoint("test.here")
print(*arm(os.environ, production=False))
for passage in range(1, 4):
    print(passage, flush=True)
    here()
"""


def run(failpoint: str) -> tuple[int, str]:
    """Run a process that passes `test.here` three times; return how it ended and what it printed."""
    environ = {"PYTHONPATH": str(ROOT), VARIABLE: failpoint}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    return ended.returncode, ended.stdout


@pytest.mark.parametrize(
    ("failpoint", "code", "passages"),
    [
        ("test.here", -signal.SIGKILL, "1"),
        ("test.here:1", -signal.SIGKILL, "1"),
        ("test.here:3", -signal.SIGKILL, "1 2 3"),
        ("test.here:4", 0, "1 2 3"),
        ("jobs.claimed", 0, "1 2 3"),
        ("", 0, "1 2 3"),
    ],
)
def test_a_process_dies_at_the_passage_that_was_asked_for(failpoint: str, code: int, passages: str) -> None:
    assert run(failpoint) == (code, "\n" + "\n".join(passages.split()) + "\n")


@pytest.mark.parametrize(
    ("failpoint", "words"),
    [
        ("jobs.claimd", "there is no failpoint 'jobs.claimd'; the known ones are jobs.after_effect, jobs.before_"),
        ("jobs.claimd", "did you mean jobs.claimed or jobs.committed?"),
        ("jobs.claimed:0", "'0' is not the number of a passage (jobs.claimed:1)"),
        ("jobs.claimed:soon", "'soon' is not the number of a passage"),
    ],
)
def test_what_cannot_be_armed_is_a_fault_of_the_configuration(tmp_path: Path, failpoint: str, words: str) -> None:
    file = tmp_path / "plugins.toml"
    file.write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        compose(file, {VARIABLE: failpoint})
    assert f"{VARIABLE}: " in caught.value.report()
    assert words in caught.value.report()


def test_production_refuses_a_failpoint(tmp_path: Path) -> None:
    file = tmp_path / "plugins.toml"
    file.write_text('profile = "production"', encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        compose(file, {VARIABLE: "jobs.claimed"})
    assert f"{VARIABLE}: is refused in production" in caught.value.report()


def test_two_places_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match=r"two failpoints of the name 'unit_of_work.committed'"):
        Failpoint("unit_of_work.committed")
