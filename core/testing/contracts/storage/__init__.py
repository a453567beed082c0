"""The behavioural suite of the storage port. An adapter passes it, or does not serve the port.

    class TestMine(StorageContract):
        @pytest.fixture
        def open_storage(self) -> OpenStorage: ...

`open_storage(pool_size=8, session_pool_size=8, acquire_timeout=3.0)` is an async context manager that yields the
adapter over an empty database of PostgreSQL, on which the suite makes and drops the schema `contract`.
"""

from core.testing.contracts.storage.compiled import CompiledDoor, Streams
from core.testing.contracts.storage.connections import DedicatedConnections, PooledConnections
from core.testing.contracts.storage.fixtures import OpenStorage, StorageFixtures
from core.testing.contracts.storage.interruptions import Cancellation, LostConnections
from core.testing.contracts.storage.operations import CountedOperations
from core.testing.contracts.storage.sessions import SessionDoor
from core.testing.contracts.storage.transactions import Transactions

__all__ = ["OpenStorage", "StorageContract"]


class StorageContract(
    CompiledDoor,
    Streams,
    Transactions,
    LostConnections,
    Cancellation,
    PooledConnections,
    DedicatedConnections,
    SessionDoor,
    CountedOperations,
    StorageFixtures,
):
    """What every storage adapter does. Subclasses give the fixture `open_storage`."""
