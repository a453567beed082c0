"""What the lists of the control plane share."""

import asyncio
from typing import Final

from litestar.datastructures import ResponseHeader
from litestar.di import Provide

from core.http.injected import Injected
from core.http.pagination import Cursors
from core.injection import Services
from core.keys import key_ring

LINKS: Final = [ResponseHeader("Link", documentation_only=True, description="RFC 8288: first and next page.")]


async def _provide_cursors(services: Injected[Services]) -> Cursors:
    return Cursors(await asyncio.to_thread(lambda: key_ring(services.config).keys("stub cursors")))


CURSORS: Final = Provide(_provide_cursors, use_cache=True)
"""What signs and reads the cursors of the lists."""
