"""The table of notes."""

from alembic import op

revision = "bench_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema and its table."""
    op.execute("CREATE SCHEMA bench")
    op.execute(
        """
        CREATE TABLE bench.notes (
            id uuid NOT NULL,
            label text NOT NULL,
            number integer NOT NULL,
            created_at timestamptz DEFAULT now() NOT NULL,
            CONSTRAINT pk_notes PRIMARY KEY (id)
        )
        """
    )


def downgrade() -> None:
    """Drop both."""
    op.execute("DROP TABLE bench.notes")
    op.execute("DROP SCHEMA bench")
