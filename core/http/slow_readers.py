"""Clients that leave their answers unread under Granian, which waits for them for ever [measured, 2.8].

Connections inherit the options of the socket that they were accepted on, so that the kernel can be told, on Linux, to
give up one whose client takes nothing for a while. Granian makes its listening socket itself, after the application
has started; it is found among the process's own. uvicorn's connections are seen to in `core.http.connections`.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import psutil

from core.injection import Services

_LOOK_EVERY: Final = 0.05
_LOOKS: Final = 600

logger = logging.getLogger(__name__)


@asynccontextmanager
async def cutting_slow_readers(services: Services) -> AsyncIterator[None]:
    """Have the kernel cut clients that read nothing for `write_timeout` seconds, while the application runs."""
    if services.config.server != "granian" or sys.platform != "linux":
        yield
        return
    bounding = asyncio.create_task(_bound_listeners(services.config.http.write_timeout), name="hexastar-slow-readers")
    try:
        yield
    finally:
        bounding.cancel()
        with suppress(asyncio.CancelledError):
            await bounding


async def _bound_listeners(seconds: float) -> None:
    """Set the timeout on the sockets that this process listens on, once there are any."""
    for _ in range(_LOOKS):
        numbers = [each.fd for each in psutil.Process().net_connections("tcp") if each.status == psutil.CONN_LISTEN]
        for number in numbers:
            with socket.socket(fileno=os.dup(number)) as listener:
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
        if numbers:
            return
        await asyncio.sleep(_LOOK_EVERY)
    logger.warning("no listening socket was found: clients that do not read are not cut off")
