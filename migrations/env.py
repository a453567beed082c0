"""Alembic's environment: one owner's history, its own version table, on the connection that the runner opened."""

from typing import Any

from alembic import context

from core.migrations import comparison_options

attributes: dict[str, Any] = context.config.attributes


def tell(*, step: Any, **_details: Any) -> None:
    """Say which revision was applied or taken back."""
    revision = step.up_revision_id if step.is_upgrade else f"{step.up_revision_id} undone"
    attributes["note"](f"{attributes['owner']}: {revision}")


context.configure(
    connection=attributes["connection"],
    dialect_name="postgresql",
    as_sql=context.is_offline_mode(),
    target_metadata=attributes["metadata"],
    version_table=f"alembic_version_{attributes['owner']}",
    version_table_schema="core",
    transaction_per_migration=True,
    on_version_apply=tell if attributes["note"] else (),
    **comparison_options(attributes["schema"]),
)
with context.begin_transaction():
    context.run_migrations()
