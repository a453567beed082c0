"""The version before the newest migration serves on the tables of the newest one."""

import io
import subprocess
import tarfile

import httpx
import pytest

from tests.faults.kit.processes import ROOT, command, environment, server

MIGRATIONS = ("migrations/*/*.py", ":(exclude)migrations/__init__.py")


def git(*arguments):
    ended = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, timeout=60, check=False)
    return ended.stdout if ended.returncode == 0 else b""


@pytest.fixture
def previous(folder):
    """The tree as it was before the newest migration came; None where there is no history to take it from."""
    newest = git("log", "-1", "--diff-filter=A", "--format=%H", "--", *MIGRATIONS).decode().strip()
    archive = git("archive", "--format=tar", f"{newest}^") if newest else b""
    if not archive:
        return None
    tree = folder / "previous"
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(tree, filter="data")
    return tree


async def test_the_previous_version_is_ready_and_answers_on_the_newest_tables(folder, postgres, previous, figure):
    environ = environment(await postgres.create_database("previous"), "verification", PROFILE="test")
    code, output = await command(folder, environ, "database", "upgrade")
    assert code == 0, output
    figure("G26", "versions N - 1 taken from the history", int(previous is not None), at_least=1)
    # Without a history there is the newest version to try; what an older one meets is in test_migrations.py as well.
    path = {"PYTHONPATH": str(previous or ROOT)}
    code, output = await command(folder, environ | path, "database", "status")
    assert code == 0, output
    assert ("ahead" in output) == (previous is not None)
    async with (
        server(folder, environ | path) as serving,
        httpx.AsyncClient(base_url=serving.url, timeout=30) as client,
    ):
        index = (await client.get("/api/v1")).json()["endpoints"]
        paths = sorted({one["path"] for one in index if one["method"] == "GET" and "{" not in one["path"]})
        answers = {path: (await client.get(path)).status_code for path in paths}
        health = await client.get("/api/v1/health", params={"verbose": "true"})
        assert health.is_success, health.text
    assert len(paths) > 5
    assert {path: status for path, status in answers.items() if status >= 500} == {}
