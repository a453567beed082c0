"""Starting and stopping a server, as operators meet it: exit codes, one line for what is wrong, nothing left behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from served import free_port, served, until

NOWHERE = {
    "HEXASTAR__PORTS__STORAGE": "postgres",
    "HEXASTAR__ADAPTERS__STORAGE__POSTGRES__DSN": "postgresql://user:hush@127.0.0.1:1/none",
}


def hexastar(folder, *arguments, **environ):
    """Run a command to its end; return its exit code and all that it printed."""
    (folder / "plugins.toml").touch()
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("hexastar")), *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout


def silent(url):
    try:
        httpx.get(f"{url}/health/live", timeout=2)
    except httpx.TransportError:
        return True
    return False


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_ends_well(state_dir, server, number):
    (state_dir / "plugins.toml").write_text(f'server = "{server}"\n', encoding="utf-8")
    with served(state_dir) as running:
        assert running.stop(number) == 0
        assert "Traceback" not in running.output()


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
def test_workers_do_not_outlive_a_supervisor_that_is_killed(state_dir, server):
    (state_dir / "plugins.toml").write_text(f'server = "{server}"\n', encoding="utf-8")
    with served(state_dir, None, "--workers", "2") as running:
        children = psutil.Process(running.process.pid).children(recursive=True)
        running.stop(signal.SIGKILL)
        until(lambda: silent(running.url))
        workers = [child for child in children if "postgres" not in child.name()]
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert not alive


def test_a_port_in_use_is_told_in_one_line_before_anything_starts(state_dir):
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        code, output = hexastar(state_dir, "run", "--port", str(port))
    assert (code, output) == (1, f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use\n")
    assert not (state_dir / "var" / "postgres").exists()


@pytest.mark.parametrize("environ", [{}, {"HEXASTAR__SERVER": "granian"}], ids=["uvicorn", "granian"])
def test_a_database_that_is_away_at_start_is_told_in_one_line(state_dir, environ):
    code, output = hexastar(state_dir, "run", "--port", str(free_port()), **NOWHERE, **environ)
    assert code != 0
    assert "the adapter 'postgres' of the port 'storage' does not open: the database: " in output
    assert "Traceback" not in output
    assert "hush" not in output


def test_workers_without_a_database_say_so_in_one_line(state_dir):
    code, output = hexastar(state_dir, "workers", "run", **NOWHERE)
    assert code == 1
    assert output.startswith("Error: the adapter 'postgres' of the port 'storage' does not open: the database: ")
    assert len(output.splitlines()) == 1


FAILING = """
from contextlib import asynccontextmanager
from core.hookspecs import hookimpl
from core.manifest import PluginManifest

manifest = PluginManifest(name="failing", version="1", summary="fails")


@asynccontextmanager
async def opening(services):
    raise RuntimeError("no luck today")
    yield


@hookimpl
def register_lifespan():
    return [opening]
"""


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
def test_a_plugin_that_does_not_start_is_named(state_dir, server):
    (state_dir / "parts").mkdir()
    (state_dir / "parts" / "__init__.py").touch()
    (state_dir / "parts" / "failing.py").write_text(FAILING, encoding="utf-8")
    toml = f'server = "{server}"\n[plugins]\nenabled = ["parts.failing"]\n'
    (state_dir / "plugins.toml").write_text(toml, encoding="utf-8")
    code, output = hexastar(state_dir, "run", "--port", str(free_port()), PYTHONPATH=str(state_dir))
    assert code != 0
    assert "the plugin 'failing' does not start: RuntimeError: no luck today" in output


@pytest.mark.parametrize("arguments", [["--config"], ["--config="]])
def test_an_option_without_its_file_is_told(state_dir, arguments):
    assert hexastar(state_dir, "check", *arguments) == (1, "Error: --config needs the name of a file\n")


def test_the_file_may_follow_an_equals_sign(state_dir):
    assert hexastar(state_dir, "check", f"--config={state_dir}/plugins.toml")[0] == 0


OPEN_TO_ALL = """
from litestar import get
from core.hookspecs import hookimpl
from core.manifest import PluginManifest

manifest = PluginManifest(name="careless", version="1", summary="forgets")


@get("/careless")
async def careless() -> None: ...


@hookimpl
def register_routes():
    return [careless]
"""


def test_a_check_finds_what_a_start_would(state_dir):
    (state_dir / "parts").mkdir()
    (state_dir / "parts" / "__init__.py").touch()
    (state_dir / "parts" / "careless.py").write_text(OPEN_TO_ALL, encoding="utf-8")
    (state_dir / "plugins.toml").write_text('[plugins]\nenabled = ["parts.careless"]\n', encoding="utf-8")
    code, output = hexastar(state_dir, "check", PYTHONPATH=str(state_dir))
    assert code == 78
    assert "GET /careless: declares no access (add access=… to the handler)" in output


def test_the_working_directory_shadows_nothing_of_the_house(state_dir):
    (state_dir / "app.py").write_text("raise RuntimeError('not this one')", encoding="utf-8")
    for package in ("plugins", "adapters", "ports", "migrations"):
        (state_dir / package).mkdir()
        (state_dir / package / "__init__.py").write_text("raise RuntimeError('not this one')", encoding="utf-8")
    (state_dir / "plugins.toml").write_text('[plugins]\nenabled = ["verification"]\n', encoding="utf-8")
    assert hexastar(state_dir, "check")[0] == 0
    with served(state_dir, None, "--workers", "2") as running:
        assert running.stop() == 0


def test_what_a_command_prints_is_not_mixed_with_what_is_logged(state_dir):
    (state_dir / "plugins.toml").touch()
    command = [str(Path(sys.executable).with_name("hexastar")), "database", "sql", "core"]
    printed = subprocess.run(command, cwd=state_dir, capture_output=True, text=True, timeout=60, check=True)
    lines = printed.stdout.splitlines()
    assert lines[0] == "SET lock_timeout = '1s';"
    assert "[info" not in printed.stdout
    assert "embedded PostgreSQL" in printed.stderr


def test_core_is_dropped_last_and_refusals_are_one_line(state_dir):
    (state_dir / "plugins.toml").write_text('[plugins]\nenabled = ["verification"]\n', encoding="utf-8")
    assert hexastar(state_dir, "database", "upgrade")[0] == 0
    code, output = hexastar(state_dir, "database", "drop", "core", "--yes")
    assert code == 1
    assert "Error: 'core' holds the histories of others: drop verification first" in output
    code, output = hexastar(state_dir, "database", "downgrade", "verification", "99")
    assert code == 1
    assert "Error: the downgrade of 'verification' to '99' failed: " in output
    assert "Traceback" not in output
    for owner in ("verification", "core"):
        assert hexastar(state_dir, "database", "drop", owner, "--yes")[0] == 0
    assert hexastar(state_dir, "database", "upgrade")[0] == 0
