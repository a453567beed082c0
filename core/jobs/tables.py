"""The table of jobs. The outbox and the workers write its rows in plain SQL; see `ledger` for the statements."""

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.tables import metadata

STATES: Final = ("queued", "running", "done", "dead", "parked")

jobs: Final = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("lane", Text, nullable=False, comment="what shares a cap: the plugin, or a job with a cap of its own"),
    Column("payload", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'queued'")),
    Column("priority", SmallInteger, nullable=False, server_default=text("0"), comment="smaller runs first"),
    Column("run_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("attempts", Integer, nullable=False, server_default=text("0"), comment="only grows: the fencing token"),
    Column("forgiven", Integer, nullable=False, server_default=text("0"), comment="attempts that do not count"),
    Column("max_attempts", Integer, nullable=False),
    Column("worker", Integer, comment="number of the advisory lock that the worker holds while it lives"),
    Column("lease_until", DateTime(timezone=True)),
    Column("key", Text),
    Column("uniqueness", Text, comment="how long the key is held: until_done, for_ever, or tick"),
    Column("error", Text),
    Column("trace", Text, comment="W3C traceparent of the enqueuing span"),
    Column("request_id", Text),
    Column("trace_state", Text, comment="W3C tracestate that goes on with it; shown nowhere"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    CheckConstraint(f"state IN {STATES}", name="state"),
    Index("ix_jobs_due", "lane", "priority", "run_at", "id", postgresql_where=text("state = 'queued'")),
    Index("ix_jobs_running", "id", postgresql_where=text("state = 'running'")),
    Index("ix_jobs_parked", "name", postgresql_where=text("state = 'parked'")),
    Index("ix_jobs_dead", "id", postgresql_where=text("state = 'dead'")),
    Index(
        "uq_jobs_key_until_done",
        "name",
        "key",
        unique=True,
        postgresql_where=text("uniqueness = 'until_done' AND state IN ('queued', 'running', 'parked')"),
    ),
    Index(
        "uq_jobs_key_for_ever",
        "name",
        "key",
        unique=True,
        postgresql_where=text("uniqueness IN ('for_ever', 'tick')"),
    ),
    schema="core",
    postgresql_with={
        "fillfactor": 75,
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_threshold": 1000,
        "autovacuum_vacuum_cost_delay": 0,
    },
)
