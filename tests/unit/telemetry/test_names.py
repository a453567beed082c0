"""Names of the conventions stand in one file."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONVENTION = re.compile(
    r"(http\.(route|request\.[a-z_.]+|response\.[a-z_.]+)|url\.(path|scheme|full|query|template)|error\.type"
    r"|(messaging|db|gen_ai|rpc|network|aws|cloud)\.[a-z0-9_]+(\.[a-z0-9_]+)+)"
)
NAMES = ROOT / "core/telemetry/names.py"
FILES = [
    path
    for folder in ("core", "adapters")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != NAMES and "testing" not in path.parts
]
ASGI_MESSAGES = re.compile(r"(http|websocket|lifespan)\.(request|response|disconnect)(\.[a-z]+)?")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_attribute_names_are_written_in_names_only(path: Path) -> None:
    found = [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and CONVENTION.fullmatch(node.value)
        and not ASGI_MESSAGES.fullmatch(node.value)
    ]
    assert found == []
