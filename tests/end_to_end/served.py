"""A started server: the command that users type, as a process of its own, on loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


class Server:
    """A running `hexastar run`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.log = log

    def output(self) -> str:
        """Return everything that it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> None:
        """Wait until it answers, or fail with what it printed."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.output()}")
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=2).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the server does not answer:\n{self.output()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def served(folder: Path, environ: Mapping[str, str] | None = None, *options: str) -> Iterator[Server]:
    """Start `hexastar run` on the configuration in `folder`; stop it in the end, whatever happened."""
    port = free_port()
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("hexastar")), "run", "--port", str(port), *options],
            cwd=folder,
            env={**os.environ, "HEXASTAR_CONFIG": str(folder / "plugins.toml"), **(environ or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(process, port, log)
    try:
        server.wait()
        yield server
    finally:
        if process.poll() is None:
            server.stop()


def free_port() -> int:
    """Return a port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Return the first true value of `condition`, which is asked again and again; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"it did not come to pass in {seconds:g} s"
        time.sleep(0.05)
    return value
