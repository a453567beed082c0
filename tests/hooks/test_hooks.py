"""What each hook declares reaches the running deployment, or is refused by name."""

from contextlib import asynccontextmanager

import click
import httpx
import msgspec
import pytest
from litestar import Request, Router, get

from core.adapters import AdapterDeclaration
from core.application import build_application
from core.auth import PUBLIC, Principal, scope
from core.cli.commands import CommandLine
from core.faults import ConfigurationError
from core.http.health import HealthCheck
from core.http.injected import Injected
from core.http.problems import ProblemType
from core.jobs.declare import job, subscriber


class Payload(msgspec.Struct):
    """A payload."""

    number: int = 0


@get("/made", access=PUBLIC, sync_to_thread=False)
def made() -> dict[str, bool]:
    """Answer."""
    return {"made": True}


@job("one.work")
async def work(payload: Payload) -> None:
    """Do nothing."""


@subscriber("two.happened", name="one.hear")
async def hear(payload: Payload) -> None:
    """Do nothing."""


def client(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver")


async def test_register_routes_serves_the_routes_with_the_plugins_settings(make_plugin, compose_plugins):
    name = make_plugin("one", register_routes=lambda: [made])
    app = build_application(compose_plugins(name))
    async with client(app) as http:
        assert (await http.get("/made")).json() == {"made": True}


def test_register_routes_refuses_a_route_that_declares_no_access(make_plugin, compose_plugins):
    @get("/open", sync_to_thread=False)
    def careless() -> None:
        """Forget to say who may come."""

    name = make_plugin("one", register_routes=lambda: [careless])
    with pytest.raises(ConfigurationError, match="GET /open: declares no access"):
        build_application(compose_plugins(name))


def test_register_routes_refuses_a_layer_that_replaces_what_every_request_passes(make_plugin, compose_plugins):
    async def look_away(_request: Request) -> None:
        """Let everything pass."""

    router = Router("/", route_handlers=[made], before_request=look_away)
    name = make_plugin("one", register_routes=lambda: [router])
    with pytest.raises(ConfigurationError, match="GET /made: replaces the application's before_request"):
        build_application(compose_plugins(name))


def test_register_routes_refuses_two_plugins_with_one_route(make_plugin, faults):
    names = [make_plugin(name, register_routes=lambda: [made]) for name in ("one", "two")]
    assert "the route 'GET /made' is declared more than once: by one, two" in faults(*names)


def test_register_jobs_collects_jobs(make_plugin, compose_plugins):
    name = make_plugin("one", register_jobs=lambda: [work])
    assert work in compose_plugins(name).jobs


def test_register_jobs_refuses_names_of_others_and_unknown_parameters(make_plugin, faults):
    @job("elsewhere.work")
    async def stray(payload: Payload, telephone: object) -> None:
        """Never run."""

    report = faults(make_plugin("one", register_jobs=lambda: [stray]))
    assert "the name must begin with 'one.'" in report
    assert "its parameter 'telephone' is neither a service nor a bound port" in report


def test_register_jobs_refuses_a_name_that_is_taken(make_plugin, faults):
    name = make_plugin("one", register_jobs=lambda: [work, work])
    assert "the job 'one.work' is declared more than once: by one, one" in faults(name)


def test_register_subscribers_collects_subscribers(make_plugin, compose_plugins):
    name = make_plugin("one", register_subscribers=lambda: [hear])
    assert [found.event for found in compose_plugins(name).jobs if found is hear] == ["two.happened"]


def test_register_tables_refuses_one_schema_for_two(make_plugin, faults):
    names = [make_plugin(name, register_tables=lambda: "shared") for name in ("one", "two")]
    assert "the Postgres schema 'shared' is declared more than once: by one, two" in faults(*names)


def test_register_migrations_makes_a_history_in_the_plugins_schema(make_plugin, compose_plugins, tmp_path):
    name = make_plugin("one", register_tables=lambda: "ones", register_migrations=lambda: tmp_path)
    history = compose_plugins(name).declarations.histories[-1]
    assert (history.owner, history.schema, history.folder) == ("one", "ones", tmp_path)


def test_register_adapters_offers_adapters_without_importing_them(make_plugin, compose_plugins):
    offered = AdapterDeclaration(port="mail", name="owl", module="no.such.module")
    name = make_plugin("one", register_adapters=lambda: [offered])
    assert compose_plugins(name).registry.of("mail")["owl"] is offered


def test_register_adapters_tells_of_a_bound_one_that_cannot_be_imported(make_plugin, faults):
    offered = AdapterDeclaration(port="mail", name="owl", module="no.such.module")
    name = make_plugin("one", manifest={"ports": ("mail",)}, register_adapters=lambda: [offered])
    report = faults(name, more='[ports]\nmail = "owl"')
    assert "adapters.mail.owl: cannot be imported" in report


def test_register_commands_adds_them_below_the_plugins_name(make_plugin, compose_plugins):
    @click.command
    def wave() -> None:
        click.echo("waves")

    cli = click.Group()
    CommandLine(compose_plugins(make_plugin("one", register_commands=lambda: [wave]))).on_cli_init(cli)
    assert isinstance(cli.commands["one"], click.Group)
    assert cli.commands["one"].commands["wave"] is wave


async def test_register_health_checks_are_asked(make_plugin, compose_plugins):
    async def fail(_services: object) -> None:
        raise RuntimeError("it is away")

    checks = [HealthCheck("one-thing", fail, required=False)]
    composition = compose_plugins(make_plugin("one", register_health_checks=lambda: checks))
    assert checks[0] in composition.declarations.health_checks


def test_register_templates_names_the_folder(make_plugin, compose_plugins, tmp_path):
    composition = compose_plugins(make_plugin("one", register_templates=lambda: tmp_path))
    assert ("one", tmp_path) in composition.declarations.templates


async def test_register_authenticators_judge_their_kind_of_credential(make_plugin, compose_plugins):
    async def believe(credential: str) -> Principal | None:
        return Principal(id=credential, kind="user", scopes=frozenset({"one:read"})) if credential == "me" else None

    @get("/mine", access=scope("one:read"), sync_to_thread=False)
    def mine(principal: Injected[Principal]) -> str:
        return principal.id

    name = make_plugin(
        "one", register_authenticators=lambda: {"bearer": lambda _: believe}, register_routes=lambda: [mine]
    )
    app = build_application(compose_plugins(name))
    async with client(app) as http:
        assert (await http.get("/mine")).status_code == 401
        assert (await http.get("/mine", headers={"Authorization": "Bearer you"})).status_code == 401
        assert (await http.get("/mine", headers={"Authorization": "Bearer me"})).text == "me"


def test_register_authenticators_refuses_two_for_one_kind(make_plugin, faults):
    names = [make_plugin(name, register_authenticators=lambda: {"bearer": print}) for name in ("one", "two")]
    assert "the credential kind 'bearer' is declared more than once: by one, two" in faults(*names)


async def test_register_lifespan_is_entered_by_requirement_and_left_in_reverse(
    make_plugin, compose_plugins, postgres_server
):
    steps: list[str] = []

    def lifespan_of(name: str):
        @asynccontextmanager
        async def lifespan(_services: object):
            steps.append(f"{name} in")
            yield
            steps.append(f"{name} out")

        return lambda: [lifespan]

    later = make_plugin("later", manifest={"requires": ("sooner",)}, register_lifespan=lifespan_of("later"))
    sooner = make_plugin("sooner", register_lifespan=lifespan_of("sooner"))
    dsn = postgres_server.reveal()
    more = f'[ports]\nstorage = "postgres"\n[adapters.storage.postgres]\ndsn = "{dsn}"\n'
    app = build_application(compose_plugins(later, sooner, more=more), works=False)
    async with app.lifespan():
        assert steps == ["sooner in", "later in"]
    assert steps == ["sooner in", "later in", "later out", "sooner out"]


async def test_register_problems_documents_them(make_plugin, compose_plugins):
    problem = ProblemType("no_tea", 422, "There is no tea", "Ask for coffee.")
    app = build_application(compose_plugins(make_plugin("one", register_problems=lambda: [problem])))
    async with client(app) as http:
        assert (await http.get("/problems/no_tea")).json()["description"] == "Ask for coffee."


def test_register_problems_refuses_one_code_for_two(make_plugin, faults):
    problem = ProblemType("no_tea", 422, "There is no tea")
    names = [make_plugin(name, register_problems=lambda: [problem]) for name in ("one", "two")]
    assert "the problem 'no_tea' is declared more than once: by one, two" in faults(*names)


def test_hooks_may_take_the_settings_or_leave_them(make_plugin, compose_plugins):
    class Settings(msgspec.Struct):
        size: int = 1

    seen = []
    name = make_plugin(
        "one", manifest={"settings": Settings}, register_jobs=lambda settings: seen.append(settings.size) or []
    )
    compose_plugins(name, more="[plugins.one]\nsize = 7")
    assert seen == [7]
