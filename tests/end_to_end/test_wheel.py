"""What is built holds all that an installation needs besides code: migrations, templates and type markers."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEEDED = ("migrations", "core/http/templates", "core/testing/contracts")


def test_the_wheel_holds_migrations_templates_and_markers(tmp_path):
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", source], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", tmp_path, source], check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = set(wheel.namelist())
    wanted = {
        str(file.relative_to(source)) for folder in NEEDED for file in (source / folder).rglob("*") if file.is_file()
    }
    assert wanted | {"app.py", "core/py.typed", "ports/py.typed"} <= held
