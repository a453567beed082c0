"""What a counter granted last, so that the statement that grants can tell it."""

from alembic import op

revision = "core_0005"
down_revision = "core_0004"
branch_labels = None
depends_on = None

COLUMN = "ALTER TABLE core.rate_limits ADD COLUMN granted integer NOT NULL DEFAULT 0"


def upgrade() -> None:
    """Add the column."""
    op.execute(COLUMN)
    op.execute("COMMENT ON COLUMN core.rate_limits.granted IS 'tokens granted last'")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE core.rate_limits DROP COLUMN granted")
