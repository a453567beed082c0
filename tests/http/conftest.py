"""Small Litestar applications around the real HTTP side, and one real database for those that keep something."""

import runpy
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.di import Provide

from adapters.storage import postgres
from core.config.settings import HttpSettings
from core.http.admission import admit
from core.http.body import StrictRequest
from core.http.doorkeeper import Doorkeeper, Refusal
from core.http.guard import CountClient, HttpGuard
from core.http.idempotent_steps import provide_idempotent_steps
from core.http.methods import unite_methods
from core.http.parameters import ParameterRules
from core.http.problem_handlers import problem_handlers
from core.http.problem_types import ALL
from core.http.problems import ProblemRegistry, ProblemType
from core.http.recording import RecordedResponse, recordable
from core.http.unit_of_work import provide_unit_of_work
from core.http.values import PARAMETER_DECODERS
from core.jobs.bell import SilentBell
from core.jobs.outbox import JobOutbox
from core.testing.database import create_clone, embedded_server
from core.unit_of_work import UnitOfWorkFactory
from ports.secrets import Secret
from ports.storage import Storage

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "core"


def build(
    *handlers: Any,
    units: UnitOfWorkFactory | None = None,
    http: HttpSettings | None = None,
    kinds: tuple[ProblemType, ...] = (),
    client_limit: CountClient | None = None,
    **options: Any,
) -> Litestar:
    """Wire the HTTP side around `handlers` as the application does."""
    registry = ProblemRegistry([*ALL, *kinds])
    dependencies = options.pop("dependencies", {})
    app = Litestar(
        route_handlers=handlers,
        dependencies={**_dependencies(units), **dependencies},
        exception_handlers=problem_handlers(registry),
        request_class=StrictRequest,
        response_class=RecordedResponse,
        before_request=admit,
        after_request=recordable,
        type_decoders=PARAMETER_DECODERS,
        openapi_config=None,
        logging_config=None,
        **options,
    )
    ParameterRules(app)
    unite_methods(app)
    app.state.problems = registry
    guard = HttpGuard(app.asgi_handler, http or HttpSettings(), registry, client_limit)
    app.asgi_handler = Doorkeeper(guard, Refusal(guard.admission, registry), guard.admission)
    return app


def _dependencies(units: UnitOfWorkFactory | None) -> Mapping[str, Provide]:
    if units is None:
        return {}
    return {
        "units": Provide(lambda: units, sync_to_thread=False),
        "uow": Provide(provide_unit_of_work),
        "steps": Provide(provide_idempotent_steps),
    }


@asynccontextmanager
async def serve(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of `app`."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.fixture(scope="session")
def build_app() -> Callable[..., Litestar]:
    return build


@pytest.fixture(scope="session")
def client_of() -> Callable[[Litestar], Any]:
    return serve


@pytest.fixture(scope="session")
async def http_database(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secret]:
    async with embedded_server(tmp_path_factory.mktemp("pg")) as server:
        yield await create_clone(server, "template1", "http")


@pytest.fixture(scope="session")
async def http_storage(http_database: Secret) -> AsyncIterator[Storage]:
    async with postgres.open(postgres.Settings(dsn=http_database)) as storage:
        connection = await storage.connect(application_name="schema")
        await connection.execute("CREATE SCHEMA core; CREATE TABLE public.effects (note text PRIMARY KEY)")
        for name in ("0002_idempotency.py", "0003_rate_limits.py"):
            await connection.execute(runpy.run_path(str(MIGRATIONS / name))["TABLE"])
        await connection.execute(runpy.run_path(str(MIGRATIONS / "0005_rate_leases.py"))["COLUMN"])
        await connection.close()
        yield storage


@pytest.fixture
async def units(http_storage: Storage) -> AsyncIterator[UnitOfWorkFactory]:
    yield UnitOfWorkFactory(http_storage, JobOutbox([], SilentBell()))
    connection = await http_storage.connect(application_name="clean")
    await connection.execute("TRUNCATE core.idempotency_keys, core.rate_limits, public.effects")
    await connection.close()
