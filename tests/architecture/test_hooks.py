"""A hook has documentation with its exact signature, a test, and a plugin that uses it; otherwise this fails."""

import inspect
import re
from pathlib import Path

import pytest

from core import hookspecs

ROOT = Path(__file__).parents[2]
HOOKS = sorted(name for name, value in vars(hookspecs).items() if name.startswith("register_") and callable(value))
DOCUMENTED = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
TESTS = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests" / "hooks").glob("test_*.py"))


def signature(hook: str) -> str:
    source = inspect.getsource(getattr(hookspecs, hook))
    declared = re.search(r"def (.*?):\n", source, re.DOTALL)
    assert declared is not None
    return re.sub(r"\(\s+", "(", re.sub(r",?\s*\n\s*\)", ")", declared.group(1))).replace("\n", "")


@pytest.mark.parametrize("hook", HOOKS)
def test_is_documented_with_its_exact_signature(hook):
    assert f"## {signature(hook)}\n" in DOCUMENTED


@pytest.mark.parametrize("hook", HOOKS)
def test_has_a_docstring(hook):
    assert getattr(hookspecs, hook).__doc__


@pytest.mark.parametrize("hook", HOOKS)
def test_has_a_test(hook):
    assert f"def test_{hook}" in TESTS, f"tests/hooks has no test whose name begins with test_{hook}"


@pytest.mark.parametrize("hook", HOOKS)
def test_is_used_by_the_core_or_a_plugin(hook):
    homes = [ROOT / "core" / "features.py", *(ROOT / "plugins").glob("*/__init__.py")]
    assert any(f"def {hook}(" in home.read_text(encoding="utf-8") for home in homes)


def test_the_documentation_has_no_hook_that_is_gone():
    assert sorted(re.findall(r"^## (register_\w+)\(", DOCUMENTED, re.MULTILINE)) == HOOKS
