"""How long a statement and a silent network are waited for, and how driver connections are told."""

import socket
from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import msgspec

_PROBES: Final = 3
"""Keep-alive probes that go unanswered before a connection counts as lost."""

_DRIVER_LAG: Final = 1.0
"""Seconds by which the driver waits longer than the server, whose refusal leaves the connection usable."""


class Patience(msgspec.Struct, frozen=True):
    """Seconds that one statement may take, and that a peer may be silent while it owes an answer to the network."""

    statement: float = 30.0
    network: float = 15.0

    @property
    def command_timeout(self) -> float:
        """Seconds after which the driver gives a statement up, whatever the server does."""
        return self.statement + _DRIVER_LAG

    def network_settings(self) -> Mapping[str, str]:
        """Return the parameters by which the server drops a client that vanished, and its locks with it."""
        probe = str(max(1, round(self.network / _PROBES)))
        return {
            "tcp_keepalives_idle": probe,
            "tcp_keepalives_interval": probe,
            "tcp_keepalives_count": str(_PROBES),
            "tcp_user_timeout": str(round(self.network * 1000)),
        }

    def statement_settings(self) -> Mapping[str, str]:
        """Return the parameter by which the server cancels what takes too long."""
        return {"statement_timeout": str(round(self.statement * 1000))}

    def watch(self, connection: asyncpg.Connection) -> None:
        """Have the kernel drop `connection` once the server is silent for too long; nothing for Unix sockets."""
        own: Any = connection._transport.get_extra_info("socket")  # noqa: SLF001 - the driver has no option for it
        if own is None or own.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        probe = max(1, round(self.network / _PROBES))
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        options = (("TCP_KEEPIDLE", probe), ("TCP_KEEPINTVL", probe), ("TCP_KEEPCNT", _PROBES))
        for name, value in (*options, ("TCP_USER_TIMEOUT", round(self.network * 1000))):
            option = getattr(socket, name, None)  # macOS has other names, and no such timeout
            if option is not None:
                own.setsockopt(socket.IPPROTO_TCP, option, value)
