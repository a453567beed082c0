"""The traces of jobs."""

from alembic import op

revision = "labour_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema and its tables."""
    op.execute("CREATE SCHEMA labour")
    op.execute(
        "CREATE TABLE labour.starts (job uuid, attempt integer, pid integer, at timestamptz DEFAULT clock_timestamp())"
    )
    op.execute("CREATE TABLE labour.effects (job uuid, note text, at timestamptz DEFAULT clock_timestamp())")
    op.execute("CREATE TABLE labour.unique_effects (note text PRIMARY KEY)")
    op.execute(
        "CREATE TABLE labour.ticks (tick timestamptz, told timestamptz, at timestamptz DEFAULT clock_timestamp())"
    )


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP SCHEMA labour CASCADE")
