"""Plugins that are missing, cyclic, misspelt, duplicated or failing are told by name, and do not harm the others."""

from pathlib import Path

import click
import msgspec
import pytest
from litestar import get
from litestar.params import FromPath

from core.adapters import AdapterDeclaration
from core.application import build_application
from core.auth import PUBLIC
from core.faults import ConfigurationError
from core.http.injected import Injected
from core.jobs.declare import Tick, job


def order(composition):
    return [plugin.name for plugin in composition.plugins.plugins if plugin.name != "core"]


def nothing():
    return []


def boom(*_arguments):
    raise RuntimeError("boom\nand more")


def test_requirements_come_first_and_the_order_of_the_file_otherwise(make_plugin, compose_plugins):
    a = make_plugin("a", manifest={"requires": ("c",)})
    b, c = make_plugin("b"), make_plugin("c")
    assert order(compose_plugins(a, b, c)) == ["b", "c", "a"]


def test_a_plugin_that_does_not_exist_is_told_with_the_nearest_name(faults):
    report = faults("verificaton")
    assert "there is no plugin 'verificaton'" in report
    assert "did you mean verification?" in report


def test_a_missing_requirement_names_the_line_to_add(make_plugin, faults):
    report = faults(make_plugin("a", manifest={"requires": ("identity",)}))
    assert (
        "plugins.a: requires the plugin 'identity', which is not enabled (add 'identity' to plugins.enabled)" in report
    )


def test_a_circle_is_shown(make_plugin, faults):
    a = make_plugin("a", manifest={"requires": ("b",)})
    b = make_plugin("b", manifest={"requires": ("a",)})
    assert "these plugins require one another: a -> b -> a" in faults(a, b)


def test_a_misspelt_hook_is_told_with_the_right_one(make_plugin, faults):
    report = faults(make_plugin("a", register_job=nothing))
    assert "the plugin 'a' implements an unknown hook 'register_job'" in report
    assert "did you mean register_jobs" in report


def test_a_package_without_a_manifest_is_told(make_plugin, faults, monkeypatch):
    import sys

    name = make_plugin("a")
    monkeypatch.delattr(sys.modules[name], "manifest")
    assert "its package holds no `manifest`" in faults(name)


def test_settings_are_checked_against_the_plugins_struct(make_plugin, faults):
    class Settings(msgspec.Struct):
        limit: int

    report = faults(make_plugin("a", manifest={"settings": Settings}), more='[plugins.a]\nlimit = "4"\nlimt = 3')
    assert "plugins.a.limit: expected int, got str '4'" in report
    assert "plugins.a.limt: unknown key (did you mean limit?)" in report


def test_a_section_of_a_plugin_that_does_not_exist_is_told(faults):
    assert "plugins.verificatio: configures a plugin that does not exist" in faults(more="[plugins.verificatio]\nx = 1")


def test_faults_of_several_plugins_are_told_together(make_plugin, faults):
    report = faults(make_plugin("a", register_jobs=boom), make_plugin("b", register_route=nothing), "nowhere")
    assert report.startswith("The configuration has 3 faults")
    assert "plugins.a: its hook register_jobs failed: RuntimeError: boom and more" in report


def test_a_failing_hook_is_skipped_with_its_dependents_where_the_policy_says_so(make_plugin, compose_plugins):
    a = make_plugin("a", register_jobs=boom)
    b = make_plugin("b", manifest={"requires": ("a",)})
    c = make_plugin("c")
    composition = compose_plugins(a, b, c, on_failure="skip")
    assert order(composition) == ["c"]
    assert {skipped.name: skipped.reason for skipped in composition.plugins.skipped} == {
        "a": "its hook register_jobs failed: RuntimeError: boom and more",
        "b": "it requires 'a', which was skipped",
    }


def test_a_failing_import_is_skipped_with_its_dependents_where_the_policy_says_so(make_plugin, compose_plugins):
    b = make_plugin("b", manifest={"requires": ("no.such",)})
    composition = compose_plugins("no.such", b, make_plugin("c"), on_failure="skip")
    assert order(composition) == ["c"]
    assert "cannot be imported" in composition.plugins.skipped[0].reason


@pytest.mark.parametrize(
    ("hook", "returned", "words"),
    [
        ("register_routes", None, "it returned nothing where a list is expected"),
        ("register_routes", [3], "register_routes failed"),
        ("register_jobs", [nothing], "it returned a function where a Job is expected"),
        ("register_subscribers", "x", "it returned a str where a list is expected"),
        ("register_tables", None, "it returned nothing where a str is expected"),
        ("register_migrations", "/no/such", "it returned a str where a Path is expected"),
        ("register_migrations", Path("/no/such"), "there is no folder /no/such"),
        ("register_adapters", {"x": 1}, "it returned a dict where a list is expected"),
        ("register_commands", [nothing], "it returned a function where a Command is expected"),
        ("register_health_checks", [None], "it returned nothing where a HealthCheck is expected"),
        ("register_templates", "templates", "it returned a str where a Path is expected"),
        ("register_authenticators", [], "it returned a list where a dict is expected"),
        ("register_lifespan", ["x"], "it returned a str where something to call is expected"),
        ("register_tables", "no; drop", "'no; drop' is no name for a schema"),
        ("register_authenticators", {"bearer": 3}, "it returned a int where something to call is expected"),
        ("register_templates", Path("/no/such"), "there is no folder /no/such"),
        ("register_problems", [1], "it returned a int where a ProblemType is expected"),
    ],
)
def test_a_hook_that_returns_something_else_is_told_by_plugin_and_hook(make_plugin, faults, hook, returned, words):
    report = faults(make_plugin("a", **{hook: lambda: returned}))
    assert f"plugins.a: its hook {hook} failed: " in report
    assert words in report
    assert len(report.splitlines()) == 2


def test_nothing_that_a_skipped_plugin_declared_before_it_failed_remains(make_plugin, compose_plugins):
    @get("/left-over", access=PUBLIC)
    async def left_over() -> None: ...

    @job("a.left_over")
    async def job_left_over(payload: Tick) -> None: ...

    a = make_plugin(
        "a", register_routes=lambda: [left_over], register_jobs=lambda: [job_left_over], register_problems=boom
    )
    b = make_plugin("b", manifest={"requires": ("a",)}, register_tables=lambda: "b")
    composition = compose_plugins(a, b, make_plugin("c"), on_failure="skip")
    assert order(composition) == ["c"]
    assert {plugin.name for plugin, _ in composition.declarations.routes} == {"core"}
    assert not any(item.name.startswith("a.") for item in composition.jobs)


def test_two_plugins_of_one_name_are_told(make_plugin, faults, monkeypatch):
    a, b = make_plugin("a"), make_plugin("b", manifest={"name": "a"})
    assert f"'{b}' is called 'a', as is another enabled plugin" in faults(a, b)


@pytest.mark.parametrize("name", ["core", "Two Words", "a-b", "", "x" * 41])
def test_a_plugin_may_not_be_called_what_no_schema_can(make_plugin, faults, name):
    assert "which is not a lower-case word of its own" in faults(make_plugin("a", manifest={"name": name}))


def test_a_hook_that_asks_for_what_no_hook_is_given_is_told(make_plugin, faults):
    report = faults(make_plugin("a", register_jobs=lambda setings: setings))
    assert "plugins.a: its hooks cannot be registered" in report
    assert "setings" in report


def test_a_plugin_that_exits_at_import_stops_nobody_else(tmp_path, make_plugin, compose_plugins, monkeypatch):
    (tmp_path / "quitter.py").write_text("raise SystemExit(3)", encoding="utf-8")
    (tmp_path / "quitters").mkdir()
    (tmp_path / "quitters" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "quitter.py").rename(tmp_path / "quitters" / "quitter.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    composition = compose_plugins("quitters.quitter", make_plugin("c"), on_failure="skip")
    assert order(composition) == ["c"]
    assert "SystemExit: 3" in composition.plugins.skipped[0].reason


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise RuntimeError('boom')", "cannot be imported: RuntimeError: boom"),
        ("import no_such_module", "cannot be imported: No module named"),
        ("x = 1", "holds no Settings and no open"),
    ],
)
def test_an_adapter_that_is_none_is_told_by_port_and_name(tmp_path, make_plugin, faults, monkeypatch, source, words):
    module = f"pigeon_{abs(hash(source))}"
    (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    adapter = AdapterDeclaration(port="mail", name="pigeon", module=module)
    name = make_plugin("a", manifest={"ports": ("mail",)}, register_adapters=lambda: [adapter])
    report = faults(name, more='[ports]\nmail = "pigeon"')
    assert f"adapters.mail.pigeon: {'' if 'cannot' in words else module + ' '}{words}" in report


def test_unknown_ports_and_adapters_are_told_with_the_nearest(faults):
    report = faults(more='[ports]\nmial = "smtp"\nmail = "smpt"\n[adapters.storage.postgre]\ndsn = "x"')
    assert "there is no port 'mial' (did you mean mail?)" in report
    assert "the port 'mail' has no adapter 'smpt' (did you mean smtp?)" in report
    assert "the port 'storage' has no adapter 'postgre'" in report


def test_a_port_that_nothing_serves_is_told(make_plugin, faults):
    report = faults(make_plugin("a", manifest={"ports": ("telegraph",)}))
    assert "ports.telegraph: is needed by an enabled plugin and bound to nothing" in report


def test_production_refuses_embedded_defaults_and_names_the_setting(make_plugin, faults):
    top = f'profile = "production"\nsecret_key = "{"s" * 32}"\nadmin_key = "k"\n'
    report = faults(make_plugin("a"), top=top)
    assert "ports.storage: 'embedded_postgres' is for development; production refuses it" in report
    assert "set ports.storage to one of: postgres" in report


@get("/unannotated", access=PUBLIC)
async def unannotated(a) -> None: ...


@get("/unknown", access=PUBLIC)
async def unknown(telegraph: Injected[int]) -> None: ...


@pytest.mark.parametrize("handler", [unannotated, unknown])
def test_a_handler_that_cannot_be_served_is_told_by_plugin(make_plugin, compose_plugins, handler):
    a, b = make_plugin("a", register_routes=lambda: [handler]), make_plugin("b")
    with pytest.raises(ConfigurationError) as caught:
        build_application(compose_plugins(a, b))
    assert "plugins.a: its routes cannot be served: " in caught.value.report()


def test_an_access_that_is_none_is_told(make_plugin, compose_plugins):
    @get("/open", access="public")
    async def left_open() -> None: ...

    with pytest.raises(ConfigurationError, match="GET /open: declares no access"):
        build_application(compose_plugins(make_plugin("a", register_routes=lambda: [left_open])))


def test_an_authenticator_that_cannot_be_made_is_told(make_plugin, compose_plugins):
    name = make_plugin("a", register_authenticators=lambda: {"bearer": boom})
    with pytest.raises(ConfigurationError, match=r"bearer: the authenticator .* cannot be made: RuntimeError: boom"):
        build_application(compose_plugins(name))


def test_routes_that_differ_in_the_names_of_parameters_alone_are_the_same(make_plugin, faults):
    @get("/x/{a:int}", access=PUBLIC)
    async def one(a: FromPath[int]) -> None: ...

    @get("/x/{b:int}", access=PUBLIC)
    async def two(b: FromPath[int]) -> None: ...

    a, b = make_plugin("a", register_routes=lambda: [one]), make_plugin("b", register_routes=lambda: [two])
    assert "is declared more than once: by a, b" in faults(a, b)


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"requires": "identity"}, "requires must be a tuple of str, not 'identity'"),
        ({"ports": (1,)}, "ports must be a tuple of str, not (1,)"),
        ({"settings": dict}, "settings must be a msgspec Struct"),
        ({"summary": None}, "summary must be a str"),
    ],
)
def test_a_manifest_of_other_types_is_told(make_plugin, faults, manifest, words):
    assert words in faults(make_plugin("a", manifest=manifest))


def test_a_plugin_takes_no_command_from_the_core(make_plugin, faults):
    name = make_plugin("a", manifest={"name": "run"}, register_commands=lambda: [click.Command("x")])
    assert "`hexastar run` is a command of the core" in faults(name)
