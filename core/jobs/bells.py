"""Which bell a deployment rings."""

from core.jobs.bell import Bell, StorageBell
from ports.storage import Storage


def open_bell(address: str, storage: Storage) -> Bell:
    """Return the bell that `bell` in plugins.toml asks for: `storage`, or the address of a Redis server.

    Nothing is connected before the first ring or listener.
    """
    if address == "storage":
        return StorageBell(storage)
    from core.jobs.redis_bell import RedisBell  # the client alone would cost a third of the application's start

    return RedisBell(address)
