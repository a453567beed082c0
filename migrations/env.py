"""Alembic's environment: one owner's history, its own version table, on the connection that the runner opened."""

from typing import Any

from alembic import context

from core.migrations import comparison_options

attributes: dict[str, Any] = context.config.attributes

context.configure(
    connection=attributes["connection"],
    dialect_name="postgresql",
    as_sql=context.is_offline_mode(),
    target_metadata=attributes["metadata"],
    version_table=f"alembic_version_{attributes['owner']}",
    version_table_schema="core",
    transaction_per_migration=True,
    **comparison_options(attributes["schema"]),
)
with context.begin_transaction():
    context.run_migrations()
