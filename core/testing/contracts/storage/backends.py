"""The server's processes behind connections, as an administrator watches and ends them."""

from typing import Any

from core.testing.waiting import until
from ports.storage import Connection


async def running(admin: Connection, statement: str) -> int:
    """Return the backend that runs a statement with this beginning, once one does."""
    query = (
        "SELECT pid FROM pg_stat_activity "
        "WHERE state = 'active' AND pid <> pg_backend_pid() AND datname = current_database() AND query LIKE $1"
    )
    found: int = await until(lambda: admin.fetchval(query, f"{statement}%"))
    return found


async def terminate(admin: Connection, backend: int | None) -> None:
    """End a backend and wait until it is gone."""
    await admin.execute("SELECT pg_terminate_backend($1)", backend)
    await until(lambda: gone(admin, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", backend))


async def gone(admin: Connection, count: str, *arguments: Any) -> bool:
    return not await admin.fetchval(count, *arguments)
