"""What every row works with."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.database import Database
from tests.bench.deployment import CREDENTIAL, LIVE, Deployment
from tests.bench.effort import Effort
from tests.bench.peer_environment import PeerEnvironment
from tests.bench.processes import Program
from tests.bench.report import Report
from tests.bench.servers import HOST, Launch, Server, serving


@dataclass(frozen=True, slots=True)
class Bench:
    """One run: how hard it tries, its database, its peers, and a folder that is gone afterwards."""

    effort: Effort
    database: Database
    peers: PeerEnvironment
    folder: Path

    def deployment(
        self, name: str, plugins: Sequence[str], *, server: str = "uvicorn", import_path: Path | None = None
    ) -> Deployment:
        """Return a deployment of Hexastar on the run's database."""
        return Deployment(self.folder / name, self.database.dsn, plugins, server=server, import_path=import_path)

    def hexastar(
        self, name: str, deployment: Deployment, environment: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Server]:
        """Serve a deployment while the context is open."""
        return serving(name, deployment.serve(environment), self.folder, LIVE, CREDENTIAL)

    def peer(self, name: str, launch: Launch) -> AbstractContextManager[Server]:
        """Serve a peer while the context is open."""
        return serving(name, launch, self.folder, "/", {})

    def bare_litestar(self, server: str = "uvicorn") -> Launch:
        """Return how to serve bare Litestar with asyncpg."""
        return lambda port: self.peer_program("python", "bare_litestar.py", server, HOST, str(port))

    def peer_program(self, executable: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Program:
        """Return a program of the peers that is told where the database is."""
        told = {"BENCH_DSN": self.database.dsn} | dict(environment or {})
        return self.peers.program(executable, *arguments, environment=told)


Row = Callable[[Bench], Report]
"""Measures and reports one row."""
