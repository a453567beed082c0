"""The SQL that the histories print makes the tables and holds nothing that a running version would suffer by."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.composition import compose
from core.migration_locks import SESSION
from core.migrations import Migrator

ROOT = Path(__file__).parents[2]
RUNNING = re.compile(r"^-- Running upgrade (?:(\S+) )? ?-> (\S+)$", re.MULTILINE)
TAKES_AWAY = re.compile(
    r"\bDROP\s+(TABLE|COLUMN|CONSTRAINT|SCHEMA|TYPE|VIEW)\b|\bRENAME\b|\bTRUNCATE\b"
    r"|\bALTER\s+(COLUMN\s+)?\w+\s+(SET\s+DATA\s+)?TYPE\b|\bSET\s+NOT\s+NULL\b",
    re.IGNORECASE,
)
"""What version N - 1, which still serves, may miss or stumble over; and what rewrites a table."""

ADDED_COLUMN = re.compile(r"\bADD\s+(?:COLUMN\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?!CONSTRAINT)\w+\s[^,;]*", re.IGNORECASE)
CREATED = re.compile(r"\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.]+)", re.IGNORECASE)
BESIDE = re.compile(r"^(SET |DROP INDEX CONCURRENTLY IF EXISTS |CREATE (UNIQUE )?INDEX CONCURRENTLY )")


@pytest.fixture
def composition(hexastar_config, hexastar_environ):
    return compose(hexastar_config, hexastar_environ)


@pytest.fixture
def printed(composition):
    """The SQL of every history, by owner."""
    migrator = Migrator(None, composition.declarations.histories)
    return {history.owner: migrator.sql(history.owner) for history in composition.declarations.histories}


def texts(sql):
    """Yield name and text of each revision in the printed SQL of a history."""
    found = list(RUNNING.finditer(sql))
    ends = [later.start() for later in found[1:]] + [len(sql)]
    for match, end in zip(found, ends, strict=True):
        yield match.group(2), sql[match.end() : end].strip().removesuffix("BEGIN;")


def revisions(sql):
    """Yield name and statements of each revision, without comments."""
    for name, text in texts(sql):
        statements = (statement.strip() for statement in re.sub(r"--[^\n]*", "", text).split(";\n"))
        yield name, [statement for statement in statements if statement]


def suffering(statements):
    """Return those of a revision's statements that a version which does not know them would suffer by."""
    made = {name for statement in statements for name in CREATED.findall(statement)}
    return [
        statement
        for statement in statements
        if TAKES_AWAY.search(statement) or (_demands(statement) and not any(name in statement for name in made))
    ]


def _demands(statement):
    """Tell whether a statement adds a column that every INSERT of the older version would have to fill."""
    return statement.upper().startswith("ALTER TABLE") and any(
        re.search(r"\bNOT\s+NULL\b", column, re.IGNORECASE) and not re.search(r"\bDEFAULT\b", column, re.IGNORECASE)
        for column in ADDED_COLUMN.findall(statement)
    )


def squawk(folder, *files):
    program = str(Path(sys.executable).with_name("squawk"))
    command = [program, "--config", str(ROOT / ".squawk.toml"), "--reporter", "gcc", *map(str, files)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def written(folder, printed):
    """Write each revision to a file of its own, so that no table counts as new after the revision that made it."""
    for sql in printed.values():
        for name, text in texts(sql):
            file = folder / f"{name}.sql"
            file.write_text(";\n".join([*SESSION, "BEGIN", text]), encoding="utf-8")
            yield file


def test_squawk_finds_nothing_in_any_revision(printed, tmp_path, figure):
    files = list(written(tmp_path, printed))
    found = squawk(tmp_path, *files)
    figure("G26", f"squawk's findings in {len(files)} revisions", found.stdout.count(": warning:"), "", at_most=0)
    assert (found.returncode, found.stdout) == (0, "")


def test_squawk_would_find_what_blocks(tmp_path):
    (tmp_path / "bad.sql").write_text("BEGIN;\nCREATE INDEX slow ON core.jobs (name);\nCOMMIT;\n", encoding="utf-8")
    found = squawk(tmp_path, tmp_path / "bad.sql")
    assert found.returncode == 1
    assert "require-concurrent-index-creation" in found.stdout
    assert "require-lock-timeout" in found.stdout


def test_every_history_sets_its_timeouts_before_anything_else(printed):
    for sql in printed.values():
        assert sql.split(";\n")[: len(SESSION)] == list(SESSION)


def test_no_revision_takes_away_what_the_version_before_it_uses(printed):
    for owner, sql in printed.items():
        for name, statements in revisions(sql):
            assert (owner, name, suffering(statements)) == (owner, name, [])


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE core.jobs DROP COLUMN trace",
        "ALTER TABLE core.jobs RENAME COLUMN trace TO span",
        "ALTER TABLE core.jobs RENAME TO tasks",
        "ALTER TABLE core.jobs ALTER COLUMN key SET NOT NULL",
        "ALTER TABLE core.jobs ALTER COLUMN priority TYPE bigint",
        "ALTER TABLE core.jobs ADD COLUMN queue text NOT NULL",
        "ALTER TABLE core.jobs ADD COLUMN a text, ADD b text NOT NULL",
        "DROP TABLE core.jobs",
        "TRUNCATE core.jobs",
    ],
)
def test_what_takes_away_is_noticed(statement):
    assert suffering([statement]) == [statement]


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE core.jobs ADD COLUMN queue text"],
        ["ALTER TABLE core.jobs ADD COLUMN queue text DEFAULT 'default' NOT NULL"],
        ["CREATE TABLE core.x (id uuid NOT NULL)", "ALTER TABLE core.x ADD COLUMN name text NOT NULL"],
        ["ALTER TABLE core.jobs ADD CONSTRAINT positive CHECK (attempts >= 0) NOT VALID"],
    ],
)
def test_what_only_adds_passes(statements):
    assert suffering(statements) == []


def test_an_index_made_beside_the_traffic_is_the_only_step_of_its_revision(printed):
    for sql in printed.values():
        for name, statements in revisions(sql):
            if any("CONCURRENTLY" in statement for statement in statements):
                assert (name, [step for step in statements if not _beside(step)]) == (name, [])


def _beside(statement):
    return BESIDE.match(statement) or "alembic_version" in statement or statement in {"BEGIN", "COMMIT"}
