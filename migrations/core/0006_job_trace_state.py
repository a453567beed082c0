"""What a caller's tracing systems want carried along with a trace goes on to the jobs."""

from alembic import op

revision = "core_0006"
down_revision = "core_0005"
branch_labels = None
depends_on = None

COLUMN = "ALTER TABLE core.jobs ADD COLUMN trace_state text"


def upgrade() -> None:
    """Add the column; processes of the release before do not name it."""
    op.execute(COLUMN)
    op.execute("COMMENT ON COLUMN core.jobs.trace_state IS 'W3C tracestate that goes on with it; shown nowhere'")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE core.jobs DROP COLUMN trace_state")
