"""A plugin and an adapter from outside the repository work, and are on or off by plugins.toml alone."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest
from served import served, until

PACKAGE = Path(__file__).parents[1] / "packages" / "guestbook"
ON = '[plugins]\nenabled = ["guestbook"]\n[ports]\nmail = "pigeon"\n[adapters.mail.pigeon]\nloft = "{loft}"\n'
OFF = "[plugins]\nenabled = []\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Install the package, with its entry point, into a folder of its own; return the environment that sees it."""
    source, target = tmp_path_factory.mktemp("source") / "guestbook", tmp_path_factory.mktemp("site")
    subprocess.run(["cp", "-r", PACKAGE, source], check=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", target, source], check=True, capture_output=True)
    return {"PYTHONPATH": str(target)}


def test_on_it_serves_stores_works_and_mails(installed, state_dir):
    loft = state_dir / "loft.jsonl"
    (state_dir / "plugins.toml").write_text(ON.format(loft=loft), encoding="utf-8")
    with served(state_dir, installed) as server:
        signed = httpx.post(f"{server.url}/api/v1/guestbook/entries", json={"name": "Ada", "message": "Hello"})
        assert signed.status_code == 201
        entries = httpx.get(f"{server.url}/api/v1/guestbook/entries").json()["data"]
        assert [entry["name"] for entry in entries] == ["Ada"]
        until(loft.exists)
        assert msgspec.json.decode(loft.read_bytes())["subject"] == "Ada signed"
        assert "guestbook" in server.output()
        assert "pigeon" in server.output()


def test_off_there_is_nothing_of_it(installed, state_dir):
    (state_dir / "plugins.toml").write_text(OFF, encoding="utf-8")
    with served(state_dir, installed) as server:
        assert httpx.get(f"{server.url}/api/v1/guestbook/entries").status_code == 404
    listed = subprocess.run(
        [str(Path(sys.executable).with_name("hexastar")), "plugins"],
        cwd=state_dir,
        env={**os.environ, **installed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "off      guestbook (hexastar_guestbook)" in listed.stdout


@pytest.mark.parametrize("options", [["-p", "no:xdist"], ["--numprocesses", "2"]], ids=["plain", "in parallel"])
def test_its_own_tests_run_with_the_kit(installed, tmp_path, options):
    folder = tmp_path / "guestbook"
    subprocess.run(["cp", "-r", PACKAGE, folder], check=True)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--basetemp={tmp_path / 'base'}",
        *options,
    ]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    ran = subprocess.run(command, cwd=folder, env=environ | installed, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout
