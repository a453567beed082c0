"""The key that this process signs receipts with, and how handlers come by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from litestar.connection import ASGIConnection

from core.http.dependencies import Service
from core.injection import Services
from core.keys import key_ring
from plugins.verification.evidence.receipts import PURPOSE, Signer

OPENED: Final = "verification.signer"
"""The signer's name among what this plugin keeps open."""


@asynccontextmanager
async def signing(services: Services) -> AsyncIterator[None]:
    """Have answers signed while the application runs."""
    services.opened[OPENED] = await asyncio.to_thread(lambda: Signer(key_ring(services.config).keys(PURPOSE)))
    try:
        yield
    finally:
        del services.opened[OPENED]


def _signer_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Signer | None:
    services: Services = connection.app.state["services"]
    signer: Signer | None = services.opened.get(OPENED)
    return signer


SIGNER: Final = Service(_signer_of)
"""Provides the signer; None where there is no control plane, and so no receipts."""
