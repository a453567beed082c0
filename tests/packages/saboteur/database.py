"""Statements that the database refuses in words that quote what it was given."""

from typing import Any

INVALID = "SELECT ($1::text)::integer"
MISMATCH = "SELECT $1::integer"
CHECK = """
INSERT INTO core.jobs (id, name, lane, payload, max_attempts, state)
VALUES (gen_random_uuid(), $1::text, 'x', '{}', 1, 'never')
"""
DUPLICATE = """
INSERT INTO core.jobs (id, name, lane, payload, max_attempts, key, uniqueness, run_at)
SELECT gen_random_uuid(), $1::text, 'x', '{}', 1, $1::text, 'for_ever', now() + interval '1 day'
FROM generate_series(1, 2)
"""
RAISED = "DO $$ BEGIN RAISE EXCEPTION 'refused: %', current_setting('saboteur.words'); END $$"


async def quote_in_statement(connection: Any, way: str, words: str) -> None:
    """Run the statement that fails in this way."""
    match way:
        case "invalid":
            await connection.fetchval(INVALID, words)
        case "mismatch":
            await connection.fetchval(MISMATCH, words)
        case "check":
            await connection.execute(CHECK, words)
        case "duplicate":
            await connection.execute(DUPLICATE, words)
        case "raised":
            await connection.execute("SELECT set_config('saboteur.words', $1, true)", words)
            await connection.execute(RAISED)
        case _:
            raise NotImplementedError(way)
