"""Schemathesis in a virtual environment of its own, which is made where it is missing or out of date."""

import subprocess
import venv
from pathlib import Path
from typing import Final

import click

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".venv-contract"
REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")


def schemathesis() -> str:
    """Return the path of the command, installed."""
    installed = FOLDER / ".installed"
    if not installed.is_file() or installed.read_bytes() != REQUIREMENTS.read_bytes():
        click.echo(f"Installing Schemathesis into {FOLDER.name} ...")
        venv.create(FOLDER, with_pip=True, clear=True)
        arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)]
        subprocess.run([str(FOLDER / "bin" / "python"), *arguments], check=True)
        installed.write_bytes(REQUIREMENTS.read_bytes())
    return str(FOLDER / "bin" / "st")
