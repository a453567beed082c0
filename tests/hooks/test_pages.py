"""Plugins bring pages of their own, and everybody can see which plugins are not there."""

import httpx
from litestar import get
from litestar.response import Template

from core.application import build_application
from core.auth import PUBLIC, Principal
from core.http.injected import Injected
from core.keys import admin_key
from ports.errors import Unavailable


def client(app, headers=None):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=headers)


def page(file: str, **context: object):
    @get("/page", access=PUBLIC, include_in_schema=False, sync_to_thread=False)
    def show() -> Template:
        """Show a page."""
        return Template(file, context=context)

    return show


async def answer_of(app):
    async with client(app) as http:
        return await http.get("/page")


async def test_register_templates_serves_a_plugins_pages_with_everything_escaped(
    make_plugin, compose_plugins, tmp_path
):
    (tmp_path / "receipt.html").write_text("{% extends 'one/frame.html' %}{% block main %}{{ name }}{% endblock %}")
    (tmp_path / "frame.html").write_text("<p>{% block main %}{% endblock %}</p>")
    name = make_plugin(
        "one",
        register_templates=lambda: tmp_path,
        register_routes=lambda: [page("one/receipt.html", name="<b>Ada</b>")],
    )
    answer = await answer_of(build_application(compose_plugins(name)))
    assert answer.text == "<p>&lt;b&gt;Ada&lt;/b&gt;</p>"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_register_templates_keeps_to_the_folder(make_plugin, compose_plugins, tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "secret.html").write_text("secret")
    for file in ("one/../secret.html", "one/absent.html", "two/absent.html"):
        name = make_plugin(
            "one", register_templates=lambda: tmp_path / "pages", register_routes=lambda file=file: [page(file)]
        )
        answer = await answer_of(build_application(compose_plugins(name)))
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")


async def test_register_templates_holds_a_template_to_what_it_is_given(make_plugin, compose_plugins, tmp_path):
    (tmp_path / "receipt.html").write_text("{{ forgotten }}")
    name = make_plugin("one", register_templates=lambda: tmp_path, register_routes=lambda: [page("one/receipt.html")])
    assert (await answer_of(build_application(compose_plugins(name)))).status_code == 500


class Pinged:
    """A port that answers a ping, or does not."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure

    async def ping(self) -> None:
        """Answer."""
        if self._failure is not None:
            raise self._failure


async def test_every_bound_port_is_a_health_check_required_where_a_plugin_requires_it(make_plugin, compose_plugins):
    for manifest, required in (({"ports": ("mail",)}, True), ({"optional_ports": ("mail",)}, False)):
        app = build_application(compose_plugins(make_plugin("one", manifest=manifest)))
        app.state.services.ports["mail"] = Pinged()
        assert (await app.state.health.verdict()).checks["mail"].status == "pass"
        app = build_application(compose_plugins(make_plugin("one", manifest=manifest)))
        app.state.services.ports["mail"] = Pinged(Unavailable("away"))
        check = (await app.state.health.verdict()).checks["mail"]
        assert (check.status, check.required) == ("fail", required)


async def test_a_skipped_plugin_degrades_health_and_is_shown_with_its_reason(
    make_plugin, compose_plugins, postgres_server
):
    def boom() -> None:
        raise RuntimeError("boom")

    dsn = postgres_server.reveal()
    more = f'[ports]\nstorage = "postgres"\n[adapters.storage.postgres]\ndsn = "{dsn}"\n'
    name = make_plugin("broken", register_jobs=boom)
    composition = compose_plugins(name, on_failure="skip", more=more)
    app = build_application(composition, works=False)
    async with app.lifespan():
        async with client(app) as http:
            health = (await http.get("/health/ready")).json()
            assert "boom" not in (await http.get("/")).text
        async with client(app, {"X-API-Key": admin_key(composition.config)}) as http:
            shown = (await http.get("/")).text
    assert health["status"] == "degraded"
    assert health["checks"]["plugins"]["status"] == "fail"
    assert "broken" in shown
    assert "RuntimeError: boom" in shown


async def test_register_authenticators_leaves_users_sessions_to_a_plugin(make_plugin, compose_plugins):
    async def believe(credential: str) -> Principal | None:
        return Principal(id=credential, kind="user") if credential == "ada" else None

    @get("/mine", access=PUBLIC, sync_to_thread=False)
    def mine(principal: Injected[Principal]) -> str:
        return principal.id

    name = make_plugin(
        "one", register_authenticators=lambda: {"session": lambda _: believe}, register_routes=lambda: [mine]
    )
    app = build_application(compose_plugins(name))
    async with client(app) as http:
        for cookie, found in (
            ("hexastar_session=ada; hexastar_console=x", "ada"),
            ("a=b; __Host-hexastar=ada", "ada"),
            ("hexastar_session=bob", "anonymous"),
            ("hexastar_console=x", "anonymous"),
        ):
            assert (await http.get("/mine", headers={"Cookie": cookie})).text == found
