"""Workers that start within a moment: a process that has imported everything forks them on demand.

What runs in the fork is the `hexastar` command from its first line on, in a process group of its own; all that is
saved is the second that importing takes, which tests that kill twenty workers would spend twenty times.
"""

import asyncio
import gc
import json
import os
import select
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[3]
PACKAGES: Final = ROOT / "tests" / "packages"
PATIENCE: Final = 60.0
GLANCE: Final = 0.02
"""Seconds between looks at which child has ended."""


class Forked:
    """A forked process, as far as the kit needs to know one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    def has_ended(self, code: int) -> None:
        """Take note of its exit code, negative for a signal."""
        self.returncode = code
        self._ended.set()

    async def wait(self) -> int:
        """Return its exit code once it has ended."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        if self.returncode is None:
            os.kill(self.pid, number)


class Nursery:
    """Forks processes that run `hexastar`."""

    def __init__(self, zygote: Process) -> None:
        self._zygote = zygote
        self._forked: dict[int, Forked] = {}
        self._born: asyncio.Queue[Forked] = asyncio.Queue()
        self._one_at_a_time = asyncio.Lock()
        self._listening = asyncio.create_task(self._listen(), name="nursery")

    async def start(self, folder: Path, environ: Mapping[str, str], log: Path, *arguments: str) -> Forked:
        """Run `hexastar` with `arguments` in `folder`, with nothing but `environ` in its environment."""
        order = {"folder": str(folder), "environ": dict(environ), "log": str(log), "arguments": arguments}
        assert self._zygote.stdin is not None
        async with self._one_at_a_time, asyncio.timeout(PATIENCE):
            self._zygote.stdin.write(json.dumps(order).encode() + b"\n")
            return await self._born.get()

    async def close(self) -> None:
        """End the zygote, which kills what it has forked."""
        assert self._zygote.stdin is not None
        self._zygote.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._zygote.wait()
        finally:
            self._listening.cancel()
            with suppress(ProcessLookupError):
                self._zygote.kill()

    async def _listen(self) -> None:
        assert self._zygote.stdout is not None
        async for line in self._zygote.stdout:
            report = json.loads(line)
            if "code" in report:
                self._forked.pop(report["pid"]).has_ended(report["code"])
            else:
                forked = self._forked[report["pid"]] = Forked(report["pid"])
                self._born.put_nowait(forked)


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """Keep a zygote ready."""
    paths = os.pathsep.join([str(ROOT), str(PACKAGES)])
    zygote = await asyncio.create_subprocess_exec(
        sys.executable, __file__, stdin=PIPE, stdout=PIPE, env={**os.environ, "PYTHONPATH": paths}
    )
    opened = Nursery(zygote)
    try:
        yield opened
    finally:
        await opened.close()


def serve_orders() -> list[str] | None:
    """Fork for every line on the standard input; return in the child, with the command's arguments.

    In the parent return None at the end of the input, once every child is killed.
    """
    children: set[int] = set()
    unread = b""
    while True:
        _reap(children)
        if not select.select([0], [], [], GLANCE)[0]:
            continue
        read = os.read(0, 1 << 16)
        if not read:
            break
        *lines, unread = (unread + read).split(b"\n")
        for line in lines:
            order: dict[str, Any] = json.loads(line)
            child = os.fork()
            if child == 0:
                _become(order)
                return list(order["arguments"])
            children.add(child)
            _report(pid=child)
    for child in children:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    return None


def _reap(children: set[int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        children.discard(pid)
        _report(pid=pid, code=os.waitstatus_to_exitcode(status))


def _report(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _become(order: Mapping[str, Any]) -> None:
    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for given, wanted in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(given, wanted)


def main() -> None:
    """Import what a worker needs, then fork."""
    from importlib import import_module

    for module in ("app", "core.cli", "core.cli.workers", "adapters.storage.postgres", "core.jobs.redis_bell"):
        import_module(module)
    gc.collect()
    gc.freeze()
    arguments = serve_orders()
    if arguments is not None:
        from core import cli

        sys.argv = ["hexastar", *arguments]
        cli.main()


if __name__ == "__main__":
    main()
