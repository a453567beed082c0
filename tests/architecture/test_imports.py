"""What the import contracts cannot say: rules stay pure, and handler modules read their annotations at run time."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = {"email_validator", "jsonpath_rfc9535", "msgspec", "re2", "stdnum"}
HOUSE = ("core", "ports", "adapters", "plugins")


def modules(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def is_rules(file: Path) -> bool:
    return file.name == "rules.py" or "rules" in file.parent.parts


@pytest.mark.parametrize("file", [file for file in modules("plugins") if is_rules(file)], ids=str)
def test_rules_import_the_standard_library_and_pure_calculation_only(file):
    own = ".".join(file.relative_to(ROOT).parts[:2])
    for name in imported(file):
        top = name.partition(".")[0]
        within_rules = name.startswith(own) and ".rules" in name
        assert top in sys.stdlib_module_names or top in PURE or within_rules, name


def test_the_composition_root_imports_the_core_alone():
    houses = {name.partition(".")[0] for name in imported(ROOT / "app.py")} & set(HOUSE)
    assert houses == {"core"}


@pytest.mark.parametrize("file", modules("ports"), ids=str)
def test_ports_import_the_standard_library_and_msgspec(file):
    allowed = {"msgspec", "ports"} | ({"sqlalchemy"} if file.name in {"storage.py", "queries.py"} else set())
    assert {name.partition(".")[0] for name in imported(file)} - sys.stdlib_module_names <= allowed


@pytest.mark.parametrize("file", modules(*HOUSE), ids=str)
def test_annotations_are_real_at_run_time(file):
    source = file.read_text(encoding="utf-8")
    assert "from __future__ import annotations" not in source
    assert "TYPE_CHECKING" not in source


def test_modules_are_short():
    """The median is under 100 lines and nine in ten are under 300."""
    lengths = sorted(
        len(file.read_text(encoding="utf-8").splitlines()) for file in modules(*HOUSE) if file.stat().st_size
    )
    assert lengths[len(lengths) // 2] < 100
    assert lengths[len(lengths) * 9 // 10] < 300
