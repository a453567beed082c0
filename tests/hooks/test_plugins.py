"""Plugins that are missing, cyclic, misspelt, duplicated or failing are told by name, and do not harm the others."""

import msgspec


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
