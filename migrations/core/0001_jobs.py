"""The durable queue: the table of jobs with the indexes that serve claiming, rescuing and unique keys."""

from alembic import op

revision = "core_0001"
down_revision = None
branch_labels = None
depends_on = None

# Rows are updated twice in their life, so pages keep room for it, and the dead versions are swept early.
JOBS = """
CREATE TABLE core.jobs (
    id uuid NOT NULL,
    name text NOT NULL,
    lane text NOT NULL,
    payload jsonb NOT NULL,
    state text DEFAULT 'queued' NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    run_at timestamptz DEFAULT now() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    forgiven integer DEFAULT 0 NOT NULL,
    max_attempts integer NOT NULL,
    worker integer,
    lease_until timestamptz,
    key text,
    uniqueness text,
    error text,
    trace text,
    request_id text,
    created_at timestamptz DEFAULT now() NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT pk_jobs PRIMARY KEY (id),
    CONSTRAINT ck_jobs_state CHECK (state IN ('queued', 'running', 'done', 'dead', 'parked'))
) WITH (
    fillfactor = 75,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
)
"""

COMMENTS = {
    "lane": "what shares a cap: the plugin, or a job with a cap of its own",
    "priority": "smaller runs first",
    "attempts": "only grows: the fencing token",
    "forgiven": "attempts that do not count",
    "worker": "number of the advisory lock that the worker holds while it lives",
    "uniqueness": "how long the key is held: until_done, for_ever, or tick",
    "trace": "W3C traceparent of the enqueuing span",
}

INDEXES = (
    "CREATE INDEX ix_jobs_due ON core.jobs (lane, priority, run_at, id) WHERE state = 'queued'",
    # lease_until stands in no index, so that a heartbeat is a heap-only update.
    "CREATE INDEX ix_jobs_running ON core.jobs (id) WHERE state = 'running'",
    "CREATE INDEX ix_jobs_parked ON core.jobs (name) WHERE state = 'parked'",
    "CREATE INDEX ix_jobs_dead ON core.jobs (id) WHERE state = 'dead'",
    """
    CREATE UNIQUE INDEX uq_jobs_key_until_done ON core.jobs (name, key)
    WHERE uniqueness = 'until_done' AND state IN ('queued', 'running', 'parked')
    """,
    "CREATE UNIQUE INDEX uq_jobs_key_for_ever ON core.jobs (name, key) WHERE uniqueness IN ('for_ever', 'tick')",
)


def upgrade() -> None:
    """Create schema and table."""
    op.execute("CREATE SCHEMA IF NOT EXISTS core")
    op.execute(JOBS)
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN core.jobs.{column} IS '{comment}'")
    for index in INDEXES:
        op.execute(index)


def downgrade() -> None:
    """Drop the table; the schema stays, since the histories' version tables live in it."""
    op.execute("DROP TABLE core.jobs")
