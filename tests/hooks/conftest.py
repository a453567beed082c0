"""Small plugins made for one test, and what becomes of them."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.composition import Composition, compose
from core.faults import ConfigurationError
from core.hookspecs import hookimpl
from core.manifest import PluginManifest

Compose = Callable[..., Composition]


@pytest.fixture
def make_plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Make a plugin module of hook functions; return the dotted name by which it is enabled."""

    def make(name: str, *, manifest: dict[str, Any] | None = None, **hooks: Any) -> str:
        module = types.ModuleType(f"made.{name}")
        defaults = {"name": name, "version": "1", "summary": "made", "ports": ()}
        module.manifest = PluginManifest(**defaults | (manifest or {}))  # type: ignore[attr-defined]
        for hook, implementation in hooks.items():
            setattr(module, hook, hookimpl(implementation))
        monkeypatch.setitem(sys.modules, "made", types.ModuleType("made"))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module.__name__

    return make


@pytest.fixture
def compose_plugins(tmp_path: Path) -> Compose:
    """Compose plugins in this order; `on_failure` and further lines of plugins.toml as given."""

    def run(*names: str, on_failure: str = "stop", top: str = "", more: str = "") -> Composition:
        file = tmp_path / "plugins.toml"
        enabled = ", ".join(f'"{name}"' for name in names)
        plugins = f'[plugins]\nenabled = [{enabled}]\non_failure = "{on_failure}"\n'
        file.write_text(f"{top}{plugins}{more}", encoding="utf-8")
        return compose(file, {"HEXASTAR__STATE_DIR": str(tmp_path / "state")})

    return run


@pytest.fixture
def faults(compose_plugins: Compose) -> Callable[..., str]:
    """Compose plugins that cannot be, and return what is said about it."""

    def run(*names: str, **options: Any) -> str:
        with pytest.raises(ConfigurationError) as caught:
            compose_plugins(*names, **options)
        return caught.value.report()

    return run
