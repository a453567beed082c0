"""A scrape tells how long the database took, for requests, for jobs and for sessions alike."""

from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from ports.storage import OPERATION_BUCKETS

NAME = "db_client_operation_duration_seconds"
LABELS = {"db_system_name", "db_operation_name", "error_type"}
NOTICE = {"recipient_email": "someone@example.org", "subject": "Your claim", "message": "It was paid."}


async def scraped(client: httpx.AsyncClient) -> dict[tuple[str, str], float]:
    """Return the counts by operation and failure."""
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    (family,) = [family for family in families if family.name == NAME]
    bounds = {sample.labels["le"] for sample in family.samples if sample.name.endswith("_bucket")}
    assert bounds == {*map(str, OPERATION_BUCKETS), "+Inf"}
    found = [sample for sample in family.samples if sample.name.endswith("_count")]
    assert all(sample.labels.keys() == LABELS for sample in found)
    assert {sample.labels["db_system_name"] for sample in found} == {"postgresql"}
    return {(one.labels["db_operation_name"], one.labels["error_type"]): one.value for one in found}


async def test_requests_jobs_and_sessions_show_in_a_scrape(admin_client, application: Any, run_jobs: Any) -> None:
    before = await scraped(admin_client)
    answer = await admin_client.post("/api/v1/insurance/notification/send", json=NOTICE)
    assert answer.status_code == httpx.codes.ACCEPTED
    asked = await scraped(admin_client)
    for operation in ("INSERT", "BEGIN", "COMMIT"):
        assert asked[operation, ""] > before[operation, ""]
    await run_jobs()
    worked = await scraped(admin_client)
    assert worked["UPDATE", ""] > asked["UPDATE", ""]
    async with application.services.units() as uow:
        await uow.session.execute(text("DELETE FROM core.jobs"))
    ended = await scraped(admin_client)
    assert ended["DELETE", ""] == worked["DELETE", ""] + 1
    assert ended["COMMIT", ""] > worked["COMMIT", ""]
