"""Steps for revisions that change tables in use, so that no query waits for them."""

from typing import Final

from core.migration_locks import SESSION

_UNBOUNDED: Final = ("SET lock_timeout = 0", "SET statement_timeout = 0")


def create_index_concurrently(name: str, *, on: str, columns: str, unique: bool = False) -> None:
    """Make an index beside the traffic. It has to be the only step of its revision.

    It takes no lock that a query would wait for, so it may take as long as it takes. It runs outside of a
    transaction: what an attempt that was cut off left behind, an index that is not valid, is dropped first.

    Args:
        name: the index's name.
        on: the table, with its schema (`orders.orders`).
        columns: what follows the table's name: columns, method, condition (`(placed_at) WHERE paid`).
        unique: whether it refuses duplicates.
    """
    from alembic import op

    schema = on.partition(".")[0]
    kind = "UNIQUE INDEX" if unique else "INDEX"
    with op.get_context().autocommit_block():
        for statement in (
            *_UNBOUNDED,
            f"DROP INDEX CONCURRENTLY IF EXISTS {schema}.{name}",
            f"CREATE {kind} CONCURRENTLY {name} ON {on} {columns}",
            *SESSION,
        ):
            op.execute(statement)


def drop_index_concurrently(name: str, *, schema: str) -> None:
    """Drop an index beside the traffic; the same holds as for making one."""
    from alembic import op

    with op.get_context().autocommit_block():
        for statement in (*_UNBOUNDED, f"DROP INDEX CONCURRENTLY IF EXISTS {schema}.{name}", *SESSION):
            op.execute(statement)
