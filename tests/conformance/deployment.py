"""The servers that are asked: everything on embedded defaults, with the demonstration's data."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from tests.conformance.environment import ROOT
from tests.conformance.principals import ADMIN_KEY
from tests.end_to_end.served import Server, served

HEXASTAR: Final = str(Path(sys.executable).with_name("hexastar"))
CONFIGURATION: Final = """
profile = "test"
admin_key = "{admin_key}"

[plugins]
enabled = ["verification", "personas.plugin"]

[plugins.verification.stub]
enabled = {stub}
"""

JOBS: Final = 40
LATE: Final = {
    "recipient_email": "claims@example.org",
    "subject": "Your claim",
    "message": "It was received.",
    "send_after": "2200-01-01T00:00:00Z",
}


@contextmanager
def deployment(folder: Path, *, stub: bool) -> Iterator[Server]:
    """Serve a migrated and filled deployment from `folder`; `stub` says whether its answers can be replaced."""
    folder.mkdir()
    (folder / "plugins.toml").write_text(CONFIGURATION.format(admin_key=ADMIN_KEY, stub=str(stub).lower()))
    for arguments in (("database", "upgrade"), ("verification", "seed-demo")):
        subprocess.run(
            [HEXASTAR, *arguments],
            cwd=folder,
            env={**os.environ, **environment(folder)},
            check=True,
            capture_output=True,
        )
    with served(folder, environment(folder)) as server:
        yield server


def waiting_jobs(server: Server) -> list[str]:
    """Have some mails wait for a day that is far away, and return the jobs that wait with them."""
    with httpx.Client(base_url=f"{server.url}/api/v1", headers={"X-API-Key": ADMIN_KEY}) as client:
        for _ in range(JOBS):
            client.post("/insurance/notification/send", json=LATE).raise_for_status()
        listed = client.get("/jobs", params={"limit": 100}).raise_for_status().json()
    return [job["id"] for job in listed["data"]]


def environment(folder: Path) -> dict[str, str]:
    """Return the surroundings of a command."""
    return {"HEXASTAR_CONFIG": str(folder / "plugins.toml"), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'packages'}"}


def document(server: Server) -> dict[str, Any]:
    """Return the OpenAPI document that the server publishes."""
    answer: dict[str, Any] = httpx.get(f"{server.url}/schema/openapi.json").raise_for_status().json()
    return answer


def errors(server: Server) -> list[str]:
    """Return what the server has logged as an error."""
    lines = [line for line in server.output().split("\n") if line.startswith("{")]
    return [line for line in lines if json.loads(line)["level"] in ("error", "critical")] + [
        line for line in server.output().split("\n") if line.startswith("Traceback")
    ]
