"""A PostgreSQL server that the processes of one `state_dir` share: the first starts it, the last stops it.

Each process holds a shared lock on `<data_dir>.lock` while it uses the server; whoever can have it exclusively is
the last. A second lock, `<data_dir>.start.lock`, is held only while somebody starts or stops the server. The kernel
drops the locks of a process that is killed, so the next one to leave, or to start, finds the truth.
"""

import fcntl
import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
import psutil

from adapters.storage.server_programs import MAJOR, account_for, initialise, private_folder, start
from ports.errors import Rejected, Unavailable

logger = logging.getLogger(__name__)

_PATIENCE: Final = 60.0
"""Seconds to wait for somebody else who starts or stops the server, or for it to recover from a crash."""

_STOP_PATIENCE: Final = 20.0
_POLL: Final = 0.02
_SOCKET_PREFIX: Final = "hexastar-postgres-"


class Postmaster(msgspec.Struct, frozen=True):
    """What a server says about itself in `postmaster.pid`."""

    pid: int
    port: int
    socket_dir: Path
    status: str

    @property
    def dsn(self) -> str:
        """The address of its one database."""
        return f"postgresql://postgres@/postgres?host={quote(str(self.socket_dir))}&port={self.port}"


_shares: Final[set[int]] = set()
"""The locks that this process holds itself."""


def _let_go_of_inherited_shares() -> None:
    """Close, in a forked process, what its parent holds: else the lock would outlive the parent with the child."""
    for share in _shares:
        os.close(share)
    _shares.clear()


os.register_at_fork(after_in_child=_let_go_of_inherited_shares)


class EmbeddedServer:
    """This process's share in the server over `data_dir`."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._users = self._data_dir.with_name(f"{data_dir.name}.lock")
        self._starting = self._data_dir.with_name(f"{data_dir.name}.start.lock")
        self._log = self._data_dir / "server.log"
        self._share: int | None = None

    def join(self) -> str:
        """Return the DSN of the server, which is started where it does not run yet. Blocks; use a thread.

        Raises:
            Rejected: the folder holds another major version (`data_directory_version`) or something that is not a
                cluster (`data_directory_foreign`).
            Unavailable: the server does not start.
        """
        self._data_dir.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._share = _open_lock(self._users)
            _shares.add(self._share)
            fcntl.flock(self._share, fcntl.LOCK_SH)
            try:
                postmaster = self._adopt() or self._start()
            except BaseException:
                self._drop_share()
                raise
        return postmaster.dsn

    def leave(self) -> None:
        """Give up this process's share and stop the server where nobody else has one. Blocks; use a thread."""
        if self._share not in _shares:
            return
        with self._alone():
            self._drop_share()
            last = _open_lock(self._users)
            try:
                fcntl.flock(last, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._stop()
            except BlockingIOError:
                logger.debug("other processes still use the embedded PostgreSQL")
            finally:
                os.close(last)

    def _drop_share(self) -> None:
        if self._share in _shares:
            _shares.discard(self._share)
            os.close(self._share)
        self._share = None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock under which the server is started and stopped."""
        handle = _open_lock(self._starting)
        try:
            _until(lambda: _locked(handle), _PATIENCE, f"another process holds {self._starting}")
            yield
        finally:
            os.close(handle)

    def _adopt(self) -> Postmaster | None:
        """Return the server that runs already, once it is ready; clear up after one that was killed."""
        postmaster = self._postmaster()
        if postmaster is None:
            return None
        _until(lambda: not self._in_transit(), _PATIENCE, "the embedded PostgreSQL neither starts nor stops")
        if self._alive(postmaster.pid):
            if (postmaster.socket_dir / f".s.PGSQL.{postmaster.port}").exists():
                return postmaster
            self._stop()  # somebody emptied the temporary folder under it
        elif psutil.pid_exists(postmaster.pid):
            # The number belongs to another process now; PostgreSQL would take that one for a running server.
            (self._data_dir / "postmaster.pid").unlink(missing_ok=True)
        _remove_socket_dir(postmaster.socket_dir)
        return None

    def _start(self) -> Postmaster:
        account = account_for(self._data_dir)
        began = time.monotonic()
        if self._is_new():
            initialise(self._data_dir, account)
        if self._log.exists():
            self._log.replace(self._log.with_suffix(".previous.log"))
        socket_dir = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX))
        private_folder(socket_dir, account)
        try:
            start(self._data_dir, socket_dir, self._log, account)
        except Unavailable as error:
            _remove_socket_dir(socket_dir)
            raise Unavailable(f"{error.detail}\n{_tail(self._log)}") from error
        postmaster = self._postmaster()
        if postmaster is None:
            raise Unavailable(f"the embedded PostgreSQL ended as soon as it had started\n{_tail(self._log)}")
        logger.info(
            "embedded PostgreSQL %s, for development and tests: data in %s, started in %.1f s, connect with %s",
            MAJOR,
            self._data_dir,
            time.monotonic() - began,
            postmaster.dsn,
        )
        return postmaster

    def _is_new(self) -> bool:
        if not self._data_dir.exists() or not any(self._data_dir.iterdir()):
            return True
        version_file = self._data_dir / "PG_VERSION"
        if not version_file.exists():
            raise Rejected("data_directory_foreign", f"{self._data_dir} is not empty and holds no PostgreSQL cluster")
        version = version_file.read_text().strip()
        if version != str(MAJOR):
            raise Rejected(
                "data_directory_version",
                f"{self._data_dir} was made by PostgreSQL {version} and this is PostgreSQL {MAJOR}: dump it with "
                f"pg_dumpall under PostgreSQL {version}, move the folder away, start again and restore with psql",
            )
        return False

    def _stop(self) -> None:
        postmaster = self._postmaster()
        if postmaster is None or not self._alive(postmaster.pid):
            return
        # SIGINT is the fast shutdown, which ends sessions; SIGQUIT the immediate one, which recovers at the next start.
        for request in (signal.SIGINT, signal.SIGQUIT):
            os.kill(postmaster.pid, request)
            try:
                _until(lambda: not self._alive(postmaster.pid), _STOP_PATIENCE, "the embedded PostgreSQL does not stop")
                break
            except Unavailable as error:
                logger.warning("%s", error)
        _remove_socket_dir(postmaster.socket_dir)

    def _in_transit(self) -> bool:
        postmaster = self._postmaster()
        return postmaster is not None and postmaster.status != "ready" and self._alive(postmaster.pid)

    def _postmaster(self) -> Postmaster | None:
        try:
            lines = (self._data_dir / "postmaster.pid").read_text().splitlines()
            return Postmaster(
                int(lines[0]), int(lines[3]), Path(lines[4]), lines[7].strip() if lines[7:] else "starting"
            )
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def _alive(self, pid: int) -> bool:
        """Tell whether `pid` is the server over our folder, and not a later process with the same number."""
        try:
            process = psutil.Process(pid)
            return process.status() != psutil.STATUS_ZOMBIE and str(self._data_dir) in process.cmdline()
        except psutil.NoSuchProcess:
            return False


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _until(condition: Callable[[], bool], patience: float, otherwise: str) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise Unavailable(otherwise)
        time.sleep(_POLL)


def _remove_socket_dir(socket_dir: Path) -> None:
    if socket_dir.name.startswith(_SOCKET_PREFIX):
        shutil.rmtree(socket_dir, ignore_errors=True)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""
