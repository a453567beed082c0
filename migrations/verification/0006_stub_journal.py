"""The journal of the stub control plane."""

from alembic import op

revision = "verification_0006"
down_revision = "verification_0005"
branch_labels = None
depends_on = None

JOURNAL = """
CREATE TABLE verification.stub_request_journal (
    id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    method text NOT NULL,
    path text NOT NULL,
    query jsonb NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    truncated boolean NOT NULL,
    status smallint NOT NULL,
    matched_rule uuid,
    session text,
    duration_ms double precision NOT NULL,
    trace_id text,
    request_id text,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_stub_request_journal PRIMARY KEY (id),
    CONSTRAINT uq_stub_request_journal_seq UNIQUE (seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
"""


def upgrade() -> None:
    """Create the table and its indexes; rows come and go all the time, so that it is vacuumed by count."""
    op.execute(JOURNAL)
    op.execute("CREATE INDEX ix_stub_request_journal_created_at ON verification.stub_request_journal (created_at)")
    op.execute(
        "CREATE INDEX ix_stub_request_journal_path_method ON verification.stub_request_journal (path, method, seq)"
    )
    op.execute(
        "CREATE INDEX ix_stub_request_journal_session"
        " ON verification.stub_request_journal (session, seq) WHERE session IS NOT NULL"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE verification.stub_request_journal")
