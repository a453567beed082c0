"""What a statement is called where its duration is counted: one of a fixed set, whatever its text."""

import pytest

from adapters.storage.operations import KNOWN, OTHER, operation_name


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT 1", "SELECT"),
        ("\n  insert into t values (1)", "INSERT"),
        ("-- update it\nDELETE FROM t", "DELETE"),
        ("/* select */ COMMIT", "COMMIT"),
        ("WITH gone AS (DELETE FROM t RETURNING id) INSERT INTO archive SELECT id FROM gone", "INSERT"),
        ("WITH RECURSIVE tree (id) AS (SELECT 1 UNION SELECT 2) SELECT id FROM tree", "SELECT"),
        ("WITH \"delete\" AS (SELECT ')(') UPDATE t SET a = 1", "UPDATE"),
        ("CREATE TABLE t AS SELECT 1", "CREATE"),
        ("BEGIN READ ONLY", "BEGIN"),
        ("VALUES (1)", OTHER),
        ("", OTHER),
        (")))", OTHER),
    ],
)
def test_a_statement_is_called_by_what_it_does(sql: str, name: str) -> None:
    assert operation_name(sql) == name
    assert name in KNOWN | {OTHER}
