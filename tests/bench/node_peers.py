"""The peers that run on Node: Prism and mountebank, in a folder of their own."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import click

from tests.bench.peer_environment import PEERS
from tests.bench.processes import ROOT, BenchError, Program, run
from tests.bench.servers import HOST, Launch, free_port

FOLDER: Final = ROOT / ".venv-bench-node"
SOURCES: Final = PEERS / "node"
PACKAGE: Final = SOURCES / "package.json"
DESCRIPTION: Final = SOURCES / "licences.yaml"


class NodePeers:
    """The packages, installed where they are missing or others are asked for.

    Raises:
        BenchError: Node's package manager is not installed, or cannot install them.
    """

    def __init__(self) -> None:
        if shutil.which("npm") is None:
            raise BenchError("Prism and mountebank run on Node: install node and npm, version 20 or later")
        installed = FOLDER / ".installed"
        if not installed.is_file() or installed.read_bytes() != PACKAGE.read_bytes():
            click.echo(f"Installing the peers' packages in {FOLDER.name} ...")
            FOLDER.mkdir(exist_ok=True)
            shutil.copy(PACKAGE, FOLDER)
            run("npm", Program(["npm", "install", "--no-audit", "--no-fund"], folder=FOLDER), seconds=600)
            installed.write_bytes(PACKAGE.read_bytes())

    def prism(self) -> Launch:
        """Return how to serve the example of the OpenAPI document, in one process and without a log."""
        options = ("--host", HOST, "--multiprocess=false", "--verboseLevel=silent")
        return lambda port: self._program("prism", "mock", *options, "--port", str(port), str(DESCRIPTION))

    def mountebank(self, folder: Path, path: str, answer: Any) -> Launch:
        """Return how to serve `answer` at `path` by a predicate, without a log."""

        def launch(port: int) -> Program:
            file = folder / "imposters.json"
            file.write_text(json.dumps(_imposters(port, path, answer)), encoding="utf-8")
            options = ("--port", str(free_port()), "--localOnly", "--nologfile", "--loglevel", "error")
            return self._program("mb", "start", "--configfile", str(file), *options, folder=folder)

        return launch

    def _program(self, name: str, *arguments: str, folder: Path = FOLDER) -> Program:
        return Program([str(FOLDER / "node_modules" / ".bin" / name), *arguments], {"NODE_ENV": "production"}, folder)


def _imposters(port: int, path: str, answer: Any) -> dict[str, Any]:
    response = {"is": {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": answer}}
    stub = {"predicates": [{"equals": {"method": "GET", "path": path}}], "responses": [response]}
    return {"imposters": [{"port": port, "host": HOST, "protocol": "http", "recordRequests": False, "stubs": [stub]}]}
