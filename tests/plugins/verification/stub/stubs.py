"""Rules for tests of the stub, and the requests that they answer."""

from typing import Any

import httpx

STUB = "/api/v1/_stub"
LICENSE = "/api/v1/doctors/psv/license/status"
DEGREE = "/api/v1/doctors/psv/degree/info"
ADD = "/api/v1/doctors/admin/add"


def rule(
    name: str = "a rule", *, path: str | None = LICENSE, query: dict[str, str] | None = None, **members: Any
) -> Any:
    """A rule for GET requests of `path` whose parameters are those of `query`."""
    match: dict[str, Any] = {"query": {key: {"equals": value} for key, value in (query or {}).items()}}
    if path is not None:
        match |= {"method": "GET", "path": path}
    return {"name": name, "match": match, "response": {"json": {"by": name}}} | members


async def save(client: httpx.AsyncClient, definition: Any) -> Any:
    """Save a rule and return it."""
    answer = await client.post(f"{STUB}/rules", json=definition)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def by(client: httpx.AsyncClient, path: str = LICENSE, **request: Any) -> str | None:
    """Return the name of the rule that answers; None where the handler does."""
    answer = await client.get(path, **request)
    if "x-stub-rule" not in answer.headers:
        return None
    name: str = answer.json()["by"]
    return name
