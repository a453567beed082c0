"""Which of the bells, which wake workers, a test runs with."""

import pytest

BELLS = ("storage", "redis")
MARK = "bells(briefly): run the test with each bell, or briefly with this one"


def parametrize_bells(metafunc: pytest.Metafunc) -> None:
    """Run a test that is so marked with each bell, or briefly with the one that its mark names."""
    if mark := metafunc.definition.get_closest_marker("bells"):
        metafunc.parametrize("bell", BELLS if metafunc.config.getoption("full") else [mark.kwargs["briefly"]])
