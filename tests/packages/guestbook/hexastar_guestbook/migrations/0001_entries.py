"""The book."""

import sqlalchemy as sa
from alembic import op

revision = "guestbook_0001"
down_revision = None


def upgrade() -> None:
    """Make the schema and its table."""
    op.execute("CREATE SCHEMA guestbook")
    op.create_table(
        "entries",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema="guestbook",
    )


def downgrade() -> None:
    """Remove both."""
    op.drop_table("entries", schema="guestbook")
    op.execute("DROP SCHEMA guestbook")
