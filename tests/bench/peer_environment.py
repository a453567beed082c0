"""The virtual environment of the peers, apart from the project's own."""

import venv
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click

from tests.bench.processes import ROOT, Program, run

FOLDER: Final = ROOT / ".venv-bench"
PEERS: Final = Path(__file__).parent / "peers"
"""The working directory of the peers: nothing of Hexastar is importable from it."""

REQUIREMENTS: Final = PEERS / "requirements.txt"
SHARED: Final = ("litestar", "asyncpg", "uvicorn", "uvloop", "httptools", "granian", "msgspec", "sqlalchemy", "saq")
"""What Hexastar and its peers both use, and should use in the same version."""


class PeerEnvironment:
    """The environment, made and filled where it is missing or its requirements have changed."""

    def __init__(self) -> None:
        self._installed = FOLDER / ".installed"
        if not self._is_current():
            self._install()

    def program(self, executable: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Program:
        """Return one of the environment's programs with these arguments, working beside the peers' modules."""
        return Program([str(FOLDER / "bin" / executable), *arguments], environment or {}, PEERS)

    def different_versions(self) -> list[str]:
        """Return how the shared packages differ from the project's own; empty where the comparison is fair."""
        names = ", ".join(repr(name) for name in SHARED)
        code = f"from importlib.metadata import version\nfor name in ({names}): print(name, version(name))"
        listed = run("the peers' Python", self.program("python", "-c", code))
        theirs = dict(line.split() for line in listed.splitlines())
        return [
            f"{name} is {version(name)} here and {theirs[name]} at the peers'"
            for name in SHARED
            if theirs[name] != version(name)
        ]

    def _is_current(self) -> bool:
        return self._installed.is_file() and self._installed.read_bytes() == REQUIREMENTS.read_bytes()

    def _install(self) -> None:
        click.echo(f"Making the peers' virtual environment in {FOLDER.name} ...")
        venv.create(FOLDER, with_pip=True, clear=True)
        arguments = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS))
        run("pip", self.program("python", *arguments), seconds=600)
        self._installed.write_bytes(REQUIREMENTS.read_bytes())
