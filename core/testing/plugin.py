"""The fixtures of the test kit. Nothing but pytest is imported until a test asks for one.

One embedded server a run, one template migrated once, a clone for each worker; tests commit for real, and all rows
are deleted after each. Override `hexastar_environ` (session scope) to say what is composed, as environment variables
would; `hexastar_config` names the file, by default the `plugins.toml` of the project's root; `hexastar_fakes` hands in
fakes that serve ports in the place of adapters. Needs pytest-asyncio; with pytest-xdist each worker has its own clone.
"""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("core.testing.contracts")


@pytest.fixture(scope="session")
def hexastar_config(pytestconfig: pytest.Config) -> Path:
    """The configuration file that tests compose."""
    return pytestconfig.rootpath / "plugins.toml"


@pytest.fixture(scope="session")
def hexastar_environ() -> dict[str, str]:
    """Overrides of the configuration, as environment variables."""
    return {}


@pytest.fixture(scope="session")
def hexastar_fakes() -> dict[str, Any]:
    """Fakes that serve ports in the place of adapters, by the port's name; `mail` has one unless it is given here."""
    return {}


@pytest.fixture(scope="session")
def hexastar_process(pytestconfig: pytest.Config) -> str:
    """The name of this test process: pytest-xdist's for a worker, else `master`."""
    name: str = getattr(pytestconfig, "workerinput", {}).get("workerid", "master")
    return name


@pytest.fixture(scope="session")
def hexastar_state(tmp_path_factory: pytest.TempPathFactory, hexastar_process: str) -> Path:
    """The folder of this run's embedded server, shared by its worker processes."""
    base = tmp_path_factory.getbasetemp()
    return (base if hexastar_process == "master" else base.parent) / "state"


@pytest.fixture(scope="session")
async def postgres_server(hexastar_state: Path) -> AsyncIterator[Any]:
    """DSN of the run's PostgreSQL server, a Secret."""
    from core.testing.database import embedded_server

    async with embedded_server(hexastar_state) as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def database(
    postgres_server: Any, hexastar_config: Path, hexastar_environ: dict[str, str], hexastar_process: str
) -> AsyncIterator[Any]:
    """DSN of this worker's database, a Secret: a clone of the migrated template."""
    from core.testing.database import create_clone, create_template, drop_database
    from core.testing.migrated import migrate, template_name

    template = template_name(hexastar_config, hexastar_environ)
    await create_template(postgres_server, template, lambda dsn: migrate(dsn, hexastar_config, hexastar_environ))
    name = f"{template}_{hexastar_process}"
    yield await create_clone(postgres_server, template, name)
    await drop_database(postgres_server, name)


@pytest.fixture(scope="session")
async def running(
    database: Any,
    hexastar_config: Path,
    hexastar_environ: dict[str, str],
    hexastar_fakes: dict[str, Any],
    hexastar_state: Path,
) -> AsyncIterator[Any]:
    """The running application of this worker, a `core.testing.application.RunningApplication`; rows stay."""
    from core.testing.application import running_application
    from core.testing.migrated import environ_for_tests

    environ = environ_for_tests(database, hexastar_environ, hexastar_state)
    async with running_application(str(hexastar_config), environ, hexastar_fakes) as running:
        yield running


@pytest.fixture
async def application(running: Any, _deletion: str) -> AsyncIterator[Any]:
    """The running application, without rows before and after; its clock and its mail start afresh."""
    from core.testing.database import delete_rows

    yield running
    running.reset()
    connection = await running.services.storage.connect(application_name="hexastar-test-rows")
    try:
        await delete_rows(connection, _deletion)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
async def _deletion(running: Any) -> str:
    """The statements that delete every row of this database."""
    from core.testing.database import deletion

    connection = await running.services.storage.connect(application_name="hexastar-test-rows")
    try:
        return await deletion(connection)
    finally:
        await connection.close()


@pytest.fixture
def app(application: Any) -> Any:
    """The Litestar application."""
    return application.app


@pytest.fixture
async def client(application: Any) -> AsyncIterator[Any]:
    """A client of the application that shows no credential."""
    async with application.client() as client:
        yield client


@pytest.fixture
async def admin_client(application: Any) -> AsyncIterator[Any]:
    """A client that shows the admin key."""
    async with application.admin_client() as client:
        yield client


@pytest.fixture
def storage(application: Any) -> Any:
    """The store."""
    return application.services.storage


@pytest.fixture
def units(application: Any) -> Any:
    """The factory of units of work."""
    return application.services.units


@pytest.fixture
def clock(application: Any) -> Any:
    """The application's clock, which a test may set and advance."""
    return application.clock


@pytest.fixture
def mail(application: Any) -> Any:
    """The application's mail system, which keeps `messages` and fails when told to."""
    return application.mail


@pytest.fixture
def worker(application: Any) -> Any:
    """The application's worker, a `core.jobs.worker.Worker`; it runs nothing until told to."""
    return application.worker


@pytest.fixture
def run_jobs(application: Any) -> Callable[..., Awaitable[int]]:
    """Run the jobs that are due (`ahead=timedelta(...)`: or will be by then) until none is; returns how many ran."""
    run: Callable[..., Awaitable[int]] = application.worker.run_until_idle
    return run


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A fresh folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="hexastar-") as folder:
        yield Path(folder)
