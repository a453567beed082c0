"""The tables of entries and effects."""

from alembic import op

revision = "tally_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema and its tables."""
    op.execute("CREATE SCHEMA tally")
    op.execute(
        """
        CREATE TABLE tally.entries (
            id uuid NOT NULL,
            label text NOT NULL,
            created_at timestamptz DEFAULT now() NOT NULL,
            CONSTRAINT pk_entries PRIMARY KEY (id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE tally.effects (
            id uuid NOT NULL,
            subject uuid NOT NULL,
            created_at timestamptz DEFAULT now() NOT NULL,
            CONSTRAINT pk_effects PRIMARY KEY (id)
        )
        """
    )


def downgrade() -> None:
    """Drop both."""
    op.execute("DROP SCHEMA tally CASCADE")
