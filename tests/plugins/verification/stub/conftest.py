"""What tests of the stub leave behind is taken away, from this process's memory too."""

import pytest


@pytest.fixture(autouse=True)
async def clean_rules(application):
    """End without rules, whatever the test did."""
    yield
    async with application.admin_client() as client:
        answer = await client.post("/api/v1/_stub/reset")
        assert answer.status_code == 200, answer.text
