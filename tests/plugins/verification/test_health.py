"""The plugin's part of `/api/v1/health`: its tables can be read, and how much is registered."""


async def test_a_fresh_deployment_is_healthy(client):
    health = (await client.get("/api/v1/health")).json()
    assert health["status"] == "healthy"
    assert health["checks"]["verification"]["status"] == "pass"


async def test_what_is_registered_is_counted_on_request(client):
    answer = await client.get("/api/v1/health?verbose=true")
    assert answer.json()["counts"] == {"doctors": 0, "students": 0, "claims": 0}
