"""Counters of rate limits. Unlogged: a crash of the server forgives everybody, and no write waits for the disk."""

from alembic import op

revision = "core_0003"
down_revision = "core_0002"
branch_labels = None
depends_on = None

TABLE = """
CREATE UNLOGGED TABLE core.rate_limits (
    key text NOT NULL,
    used integer NOT NULL,
    resets_at timestamptz NOT NULL,
    CONSTRAINT pk_rate_limits PRIMARY KEY (key)
) WITH (fillfactor = 75)
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)
    op.execute("COMMENT ON COLUMN core.rate_limits.key IS 'name of the limit and whom it counts'")
    op.execute("CREATE INDEX ix_rate_limits_resets_at ON core.rate_limits (resets_at)")


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE core.rate_limits")
