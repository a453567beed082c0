"""The plugin's part of `/api/v1/health`: whether codes are loaded, and how much is registered."""

from core.description import health_checks
from core.http.health import Health


async def test_counts_and_the_list_of_codes_are_reported(application, storage):
    def health() -> Health:
        return Health(application.services, health_checks(application.app.state.composition))

    without = await health().verdict()
    assert (without.status, without.checks["icd_codes"].status) == ("degraded", "fail")
    connection = await storage.connect(application_name="rows")
    await connection.execute(
        "INSERT INTO verification.icd_codes (id, code, description, billable, search) "
        "VALUES (gen_random_uuid(), 'A00', 'Cholera', false, 'cholera')"
    )
    await connection.close()
    assert (await health().verdict()).status == "healthy"


async def test_what_is_registered_is_counted_on_request(client):
    answer = await client.get("/api/v1/health?verbose=true")
    assert answer.json()["counts"] == {"doctors": 0, "students": 0, "claims": 0}
