"""Every route by {anonymous, user, other user, admin}: what stands here is what is enforced.

A route that is missing from the matrix fails, and so does a row whose route is gone. The matrix is that of a
deployment with `open_reads = false`.
"""

import re
from uuid import UUID

import pytest
from litestar.handlers import HTTPRouteHandler

from core.composition import compose
from core.testing.application import running_application
from core.testing.migrated import environ_for_tests

PUBLIC, READ, WRITE, ADMIN = "public", "verification:read", "verification:write", "verification:admin"

JOBS_READ, JOBS_WRITE = "jobs:read", "jobs:write"

STUB = "stub:admin"

MATRIX = {
    "GET /": PUBLIC,
    "GET /login": PUBLIC,
    "POST /login": PUBLIC,
    "POST /logout": PUBLIC,
    "POST /console/jobs/{job_id:uuid}/retry": JOBS_WRITE,
    "POST /console/jobs/{job_id:uuid}/cancel": JOBS_WRITE,
    "GET /console/jobs/retry": JOBS_WRITE,
    "POST /console/jobs/retry": JOBS_WRITE,
    "GET /api/v1/jobs": JOBS_READ,
    "GET /api/v1/jobs/{job_id:uuid}": JOBS_READ,
    "POST /api/v1/jobs/{job_id:uuid}/retry": JOBS_WRITE,
    "POST /api/v1/jobs/{job_id:uuid}/cancel": JOBS_WRITE,
    "GET /health/live": PUBLIC,
    "GET /health/ready": PUBLIC,
    "GET /health/startup": PUBLIC,
    "GET /metrics": PUBLIC,
    "GET /problems": PUBLIC,
    "GET /problems/{code:str}": PUBLIC,
    "GET /schema": PUBLIC,
    "GET /schema/oauth2-redirect.html": PUBLIC,
    "GET /schema/openapi.json": PUBLIC,
    "GET /schema/scalar": PUBLIC,
    "GET /schema/swagger": PUBLIC,
    "GET /schema/{path:str}": PUBLIC,
    "GET /api/v1": PUBLIC,
    "GET /api/v1/health": PUBLIC,
    "POST /api/v1/doctors/admin/add": ADMIN,
    "GET /api/v1/doctors/psv/license/status": READ,
    "GET /api/v1/doctors/psv/degree/info": READ,
    "GET /api/v1/doctors/psv/board-cert/info": READ,
    "GET /api/v1/doctors/psv/training/info": READ,
    "GET /api/v1/doctors/psv/employment/info": READ,
    "GET /api/v1/doctors/psv/disciplines/check": READ,
    "GET /api/v1/doctors/psv/malpractice/history": READ,
    "GET /api/v1/doctors/psv/verify": READ,
    "POST /api/v1/academic/admin/students": ADMIN,
    "POST /api/v1/academic/admin/eligibility-rules": ADMIN,
    "POST /api/v1/academic/admin/merit-rules": ADMIN,
    "GET /api/v1/academic/verify/roll-number": READ,
    "GET /api/v1/academic/verify/certificate": READ,
    "GET /api/v1/academic/check-eligibility": READ,
    "GET /api/v1/academic/calculate-merit": READ,
    "GET /api/v1/academic/merit-list": READ,
    "POST /api/v1/insurance/admin/medical-enrichment": ADMIN,
    "POST /api/v1/insurance/admin/reviewer-request": ADMIN,
    "POST /api/v1/insurance/admin/payout-request": ADMIN,
    "POST /api/v1/insurance/admin/notification": ADMIN,
    "POST /api/v1/insurance/medical/enrich": WRITE,
    "POST /api/v1/insurance/claims/review": WRITE,
    "POST /api/v1/insurance/payout/process": WRITE,
    "POST /api/v1/insurance/notification/send": WRITE,
    "GET /api/v1/_stub/rules": STUB,
    "POST /api/v1/_stub/rules": STUB,
    "GET /api/v1/_stub/rules/export": STUB,
    "POST /api/v1/_stub/rules/import": STUB,
    "GET /api/v1/_stub/rules/{rule_id:uuid}": STUB,
    "PUT /api/v1/_stub/rules/{rule_id:uuid}": STUB,
    "DELETE /api/v1/_stub/rules/{rule_id:uuid}": STUB,
    "POST /api/v1/_stub/reset": STUB,
    "GET /api/v1/_stub/scenarios": STUB,
    "PUT /api/v1/_stub/scenarios/{name:str}/state": STUB,
    "POST /api/v1/_stub/scenarios/reset": STUB,
    "GET /api/v1/_stub/settings": STUB,
    "PUT /api/v1/_stub/settings": STUB,
    "GET /api/v1/_stub/requests": STUB,
    "DELETE /api/v1/_stub/requests": STUB,
    "GET /api/v1/_stub/requests/{entry_id:uuid}": STUB,
    "DELETE /api/v1/_stub/requests/{entry_id:uuid}": STUB,
    "POST /api/v1/_stub/requests/count": STUB,
    "POST /api/v1/_stub/requests/find": STUB,
    "POST /api/v1/_stub/requests/verify": STUB,
    "POST /api/v1/_stub/receipts/verify": STUB,
    "GET /api/v1/_stub/receipts/jwks": PUBLIC,
}

USER = {"Authorization": f"Bearer user:{READ},{WRITE}"}
OTHER = {"Authorization": "Bearer other:elsewhere:read"}


@pytest.fixture(scope="module")
async def closed(database, hexastar_config, hexastar_environ, tmp_path_factory):
    """The application with closed reads, and anybody by a bearer token."""
    environ = hexastar_environ | {
        "HEXASTAR__PLUGINS__ENABLED": '["verification", "personas.plugin"]',
        "HEXASTAR__PLUGINS__VERIFICATION__OPEN_READS": "false",
    }
    environ = environ_for_tests(database, environ, tmp_path_factory.mktemp("state"))
    async with running_application(str(hexastar_config), environ) as running:
        yield running


def handlers(app) -> dict[str, HTTPRouteHandler]:
    return {
        f"{method} {route.path}": handler
        for route in app.routes
        for method, (handler, _) in route.route_handler_map.items()
        if method != "OPTIONS"
    }


async def test_every_route_has_a_row_and_every_row_a_route(closed):
    assert sorted(handlers(closed.app)) == sorted(MATRIX)


async def test_what_is_declared_is_what_the_matrix_says(closed):
    assert {name: str(handler.opt["access"]) for name, handler in handlers(closed.app).items()} == MATRIX


def address(path: str) -> str:
    """Return an address that `path` routes."""
    values = {
        "{code:str}": "not_found",
        "{path:str}": "x",
        "{job_id:uuid}": str(UUID(int=0)),
        "{rule_id:uuid}": str(UUID(int=0)),
        "{entry_id:uuid}": str(UUID(int=0)),
        "{name:str}": "x",
    }
    return re.sub(r"\{.*?\}", lambda name: values[name.group()], path)


def expected(access: str, who: str) -> set[int]:
    """Return the statuses that mean refusal, where `who` is to be refused."""
    if access == PUBLIC or who == "admin" or (who == "user" and access in {READ, WRITE}):
        return set()
    return {401} if who == "anonymous" else {403}


@pytest.mark.parametrize("who", ["anonymous", "user", "other", "admin"])
@pytest.mark.parametrize("name", sorted(MATRIX))
async def test_is_enforced(closed, name, who):
    method, path = name.split(" ")
    headers = {"user": USER, "other": OTHER}.get(who, {})
    maker = closed.admin_client if who == "admin" else lambda: closed.client(headers)
    async with maker() as client:
        answer = await client.request(method, address(path))
    refused = expected(MATRIX[name], who)
    if refused:
        assert answer.status_code in refused
        assert answer.json()["code"] in {"authentication_required", "forbidden"}
    else:
        assert answer.status_code not in {401, 403}


@pytest.mark.parametrize(
    "headers",
    [
        [("X-API-Key", "nobody's"), *USER.items()],
        [*USER.items(), ("X-API-Key", "nobody's")],
        [*USER.items(), *OTHER.items()],
        [*USER.items(), *USER.items()],
    ],
)
async def test_of_several_credentials_none_is_believed(closed, headers):
    async with closed.client() as client:
        answer = await client.get("/api/v1", headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (401, "Show one credential, not several.")


async def test_a_credential_that_is_nobodys_is_refused_even_where_everybody_may(closed):
    async with closed.client({"X-API-Key": "wrong"}) as client:
        answer = await client.get("/health/live")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"]


async def test_open_reads_open_the_reads_and_nothing_else(hexastar_config, hexastar_environ, tmp_path):
    from core.application import build_application

    environ = hexastar_environ | {"HEXASTAR__PROFILE": "test", "HEXASTAR__STATE_DIR": str(tmp_path)}
    app = build_application(compose(hexastar_config, environ))
    opened = {name: PUBLIC if access == READ else access for name, access in MATRIX.items()}
    assert {name: str(handler.opt["access"]) for name, handler in handlers(app).items()} == opened
