"""The SQL of the worker. Every statement is one round trip and skips rows that another session holds."""

from typing import Final

# The lanes are probed one by one, each through its own range of ix_jobs_due, so a backlog in one of them costs
# the others nothing. The ARRAY makes the update find its rows by primary key, whatever the planner believes.
CLAIM: Final = """
UPDATE core.jobs SET
    state = 'running', attempts = attempts + 1, worker = $1, started_at = now(),
    lease_until = now() + make_interval(secs => $2::float8)
WHERE id = ANY (ARRAY(
    SELECT due.id
    FROM unnest($3::text[], $4::integer[]) AS lanes (name, room)
    CROSS JOIN LATERAL (
        SELECT id FROM core.jobs
        WHERE state = 'queued' AND lane = lanes.name AND run_at <= now() + make_interval(secs => $6::float8)
        ORDER BY priority, run_at, id
        LIMIT lanes.room
        FOR UPDATE SKIP LOCKED
    ) AS due
    LIMIT $5
))
RETURNING id, name, lane, payload::text, attempts, forgiven, max_attempts, trace, trace_state, request_id,
    extract(epoch FROM clock_timestamp() - run_at)::float8
"""

# A worker that is stopped between this and its COMMIT would hold the row's lock, and every rescuer would skip
# the row for ever; so from here on the transaction may idle for a few seconds only.
MARK_DONE: Final = """
UPDATE core.jobs SET
    state = 'done', finished_at = clock_timestamp(), worker = NULL, lease_until = NULL, error = NULL
WHERE id = $1 AND attempts = $2 AND state = 'running'
    AND (SELECT set_config('idle_in_transaction_session_timeout', '5s', true)) IS NOT NULL
RETURNING true
"""

# An attempt that does not count leaves its job where it was in the queue.
SETTLE: Final = """
UPDATE core.jobs SET
    state = outcome.state,
    error = outcome.error,
    forgiven = forgiven + outcome.forgiven_now,
    run_at = CASE
        WHEN outcome.state = 'queued' AND outcome.forgiven_now = 0 THEN now() + make_interval(secs => outcome.delay)
        ELSE run_at
    END,
    finished_at = CASE WHEN outcome.state IN ('done', 'dead') THEN now() END,
    worker = NULL,
    lease_until = NULL
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::float8[], $6::integer[])
    AS outcome (id, token, state, error, delay, forgiven_now)
WHERE jobs.id = outcome.id AND jobs.attempts = outcome.token AND jobs.state = 'running'
"""

EXTEND: Final = """
UPDATE core.jobs SET lease_until = now() + make_interval(secs => $3::float8), worker = $4
WHERE id = ANY (ARRAY(
    SELECT jobs.id
    FROM unnest($1::uuid[], $2::integer[]) AS mine (id, token)
    JOIN core.jobs ON jobs.id = mine.id AND jobs.attempts = mine.token
    WHERE jobs.state = 'running'
    FOR UPDATE OF jobs SKIP LOCKED
))
"""

LOOK: Final = """
SELECT
    ARRAY(
        SELECT DISTINCT worker FROM core.jobs
        WHERE state = 'running' AND worker NOT IN (
            SELECT objid::bigint::integer FROM pg_locks
            WHERE locktype = 'advisory' AND classid = $1::bigint::oid AND objsubid = 2 AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        )
    ) AS absent,
    EXISTS (SELECT FROM core.jobs WHERE state = 'running' AND lease_until < now()) AS expired
"""

RESCUE: Final = """
UPDATE core.jobs SET
    state = CASE WHEN attempts - forgiven < max_attempts THEN 'queued' ELSE 'dead' END,
    run_at = CASE
        WHEN attempts - forgiven = 1 THEN run_at
        ELSE now() + make_interval(secs => (attempts - forgiven - 1) * 2 * random())
    END,
    error = 'WorkerLost: the worker died or froze during attempt ' || attempts - forgiven,
    finished_at = CASE WHEN attempts - forgiven < max_attempts THEN NULL ELSE now() END,
    worker = NULL,
    lease_until = NULL
WHERE id = ANY (ARRAY(
    SELECT id FROM core.jobs
    WHERE state = 'running' AND (lease_until < now() OR worker = ANY ($1::integer[]))
    FOR UPDATE SKIP LOCKED
))
RETURNING id, name, state
"""

PARK: Final = """
UPDATE core.jobs SET state = 'parked'
WHERE id = ANY (ARRAY(
    SELECT id FROM core.jobs WHERE state = 'queued' AND name <> ALL ($1::text[]) FOR UPDATE SKIP LOCKED
))
"""

MOVE: Final = """
UPDATE core.jobs SET lane = known.lane
FROM unnest($1::text[], $2::text[]) AS known (name, lane)
WHERE jobs.state = 'queued' AND jobs.name = known.name AND jobs.lane <> known.lane
"""

UNPARK: Final = """
UPDATE core.jobs SET state = 'queued', lane = known.lane
FROM unnest($1::text[], $2::text[]) AS known (name, lane)
WHERE jobs.state = 'parked' AND jobs.name = known.name
RETURNING id
"""

# Ids are UUIDv7, so the primary key finds rows by their age in milliseconds without an index on finished_at.
PRUNE: Final = """
DELETE FROM core.jobs
WHERE id = ANY (ARRAY(
    SELECT old.id FROM core.jobs AS old
    WHERE old.id < (
            lpad(to_hex(((extract(epoch FROM now()) - least($1::float8, $2::float8)) * 1000)::bigint), 12, '0')
            || repeat('0', 20)
        )::uuid
        AND (
            (old.state = 'done' AND old.finished_at < now() - make_interval(secs => $1::float8))
            OR (old.state = 'dead' AND old.finished_at < now() - make_interval(secs => $2::float8))
        )
        AND old.uniqueness IS DISTINCT FROM 'for_ever'
        AND (old.uniqueness IS DISTINCT FROM 'tick' OR EXISTS (
            SELECT FROM core.jobs AS newer
            WHERE newer.name = old.name AND newer.uniqueness IN ('for_ever', 'tick') AND newer.key > old.key
        ))
    ORDER BY old.id
    LIMIT $3
    FOR UPDATE SKIP LOCKED
))
RETURNING id
"""

LATEST_TICKS: Final = """
SELECT known.name, latest.key
FROM unnest($1::text[]) AS known (name)
CROSS JOIN LATERAL (
    SELECT key FROM core.jobs
    WHERE name = known.name AND uniqueness IN ('for_ever', 'tick') AND key LIKE 'cron:%'
    ORDER BY key DESC
    LIMIT 1
) AS latest
"""

BACKLOG: Final = """
SELECT lane, count(*) AS depth, extract(epoch FROM now() - min(run_at))::float8 AS age
FROM core.jobs
WHERE state = 'queued' AND run_at <= now()
GROUP BY lane
"""
