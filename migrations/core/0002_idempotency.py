"""Answers that are kept for their Idempotency-Key."""

from alembic import op

revision = "core_0002"
down_revision = "core_0001"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE core.idempotency_keys (
    scope bytea NOT NULL,
    route text NOT NULL,
    fingerprint bytea NOT NULL,
    reference text,
    locked_until timestamptz,
    status smallint,
    headers jsonb,
    body bytea,
    created_at timestamptz DEFAULT now() NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (scope)
)
"""

COMMENTS = {
    "scope": "SHA-256 of principal, method, route template and key",
    "fingerprint": "SHA-256 of the request",
    "reference": "what a stepwise use case resumes by",
    "locked_until": "set while a stepwise use case is under way",
    "status": "null until the request has been answered",
}


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN core.idempotency_keys.{column} IS '{comment}'")
    op.execute("CREATE INDEX ix_idempotency_keys_expires_at ON core.idempotency_keys (expires_at)")


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE core.idempotency_keys")
