"""Sessions of the console. A row outlives its session, so that a one-time URL stays used."""

from alembic import op

revision = "core_0004"
down_revision = "core_0003"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE core.console_sessions (
    token bytea NOT NULL,
    login bytea,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_console_sessions PRIMARY KEY (token),
    CONSTRAINT uq_console_sessions_login UNIQUE (login)
)
"""

COMMENTS = {
    "token": "HMAC-SHA-256 of the cookie under the admin key",
    "login": "nonce of the one-time URL; null: the admin key opened it",
}


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN core.console_sessions.{column} IS '{comment}'")


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE core.console_sessions")
