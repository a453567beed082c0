"""What the tests of verification compose: this plugin alone."""

import pytest


@pytest.fixture(scope="session")
def hexastar_environ() -> dict[str, str]:
    """Enable verification, whatever the project's file enables besides."""
    return {"HEXASTAR__PLUGINS__ENABLED": '["verification"]'}
