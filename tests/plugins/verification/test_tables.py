"""The database itself: the eighteen tables as specified, what guards their rows, what serves their look-ups."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest

from plugins.verification.academic import queries as academic
from plugins.verification.doctors.queries import dossier_query, license_query
from plugins.verification.doctors.tables import SECTIONS
from plugins.verification.evidence import queries as evidence
from plugins.verification.insurance.queries import deadlines, enrichment, notification, payout, review
from ports.storage import Connection, Query, Storage

OWNED: Final = "FOREIGN KEY (doctor_id) REFERENCES verification.doctors(id) ON DELETE CASCADE"

SPECIFIED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "doctors": (
        (
            "doctor_id full_name npi npi_status date_of_birth specialization license_number license_state license_type "
            "license_status license_issued_on license_expires_on license_restrictions:jsonb issuing_board"
        ),
        (
            "UNIQUE (doctor_id)",
            "UNIQUE (license_number, license_state) NULLS NOT DISTINCT",
            "UNIQUE (npi) WHERE (npi IS NOT NULL)",
            "CHECK ((npi ~ '^[12][0-9]{9}$'::text))",
            "CHECK ((license_expires_on >= license_issued_on))",
            "INDEX (lower(full_name))",
        ),
    ),
    "degrees": (
        (
            "doctor_id:uuid degree_type field institution country started_on graduated_on honors accreditation "
            "verified:boolean revoked_on"
        ),
        (OWNED, "UNIQUE (doctor_id, degree_type, institution, graduated_on)", "CHECK ((started_on <= graduated_on))"),
    ),
    "board_certifications": (
        "doctor_id board specialty certificate_number status initial_on expires_on moc_participating:boolean",
        (OWNED, "INDEX (doctor_id)", "UNIQUE (board, certificate_number)", "CHECK status: active expired revoked"),
    ),
    "trainings": (
        "doctor_id kind program specialty institution acgme_id started_on completed_on status",
        (
            OWNED,
            "INDEX (doctor_id)",
            "CHECK ((started_on <= completed_on))",
            "CHECK (((status <> 'completed'::text) OR (completed_on IS NOT NULL)))",
        ),
    ),
    "employments": (
        "doctor_id employer position facility_type started_on! ended_on reason_for_leaving",
        (OWNED, "INDEX (doctor_id, started_on)", "CHECK ((started_on <= ended_on))"),
    ),
    "disciplinary_actions": (
        "doctor_id action_type severity authority case_number reason effective_on ended_on document_url",
        (
            OWNED,
            "INDEX (doctor_id, ended_on)",
            "UNIQUE (authority, case_number)",
            "CHECK severity: advisory reprimand fine probation restriction suspension revocation",
        ),
    ),
    "malpractice_cases": (
        (
            "doctor_id case_number court filed_on closed_on status amount_paid:numeric(14,2) currency allegation "
            "npdb_reported:boolean"
        ),
        (
            OWNED,
            "INDEX (doctor_id, filed_on)",
            "UNIQUE (court, case_number)",
            "CHECK ((amount_paid >= (0)::numeric))",
            "CHECK (((status <> 'pending'::text) OR ((closed_on IS NULL) AND (amount_paid = (0)::numeric))))",
        ),
    ),
    "student_seeds": ("student_id name date_of_birth category", ("UNIQUE (student_id)",)),
    "academic_records": (
        (
            "student_seed_id:uuid level board exam_year roll_number certificate_number marks_obtained:numeric(8,2) "
            "total_marks:numeric(8,2) result subjects:jsonb issued_on expires_on revoked_on revoked_reason"
        ),
        (
            "FOREIGN KEY (student_seed_id) REFERENCES verification.student_seeds(id) ON DELETE CASCADE",
            "INDEX (roll_number)",
            "UNIQUE (certificate_number)",
            "UNIQUE (board, exam_year, level, roll_number)",
            (
                "CHECK ((((marks_obtained >= (0)::numeric) AND (marks_obtained <= total_marks))"
                " AND (total_marks > (0)::numeric)))"
            ),
        ),
    ),
    "eligibility_rules": (
        (
            "program rule:jsonb category_specific:jsonb version:integer active:boolean effective_from effective_to "
            "superseded:jsonb"
        ),
        ("UNIQUE (program)",),
    ),
    "merit_rules": (
        "program weightage:jsonb options:jsonb version:integer active:boolean superseded:jsonb",
        ("UNIQUE (program)",),
    ),
    "medical_enrichment_requests": (
        "claim_reference diagnosis hospital_name icd_mapping:jsonb result:jsonb status processed_at",
        ("UNIQUE (claim_reference)", "INDEX (status)"),
    ),
    "reviewer_requests": (
        (
            "claim_reference claim_amount:numeric(14,2) approved_amount:numeric(14,2) currency state version:integer "
            "assigned_to submitted_by priority due_at workflow_state:jsonb"
        ),
        (
            "UNIQUE (claim_reference)",
            "INDEX (state, priority, due_at)",
            "CHECK (((approved_amount >= (0)::numeric) AND (approved_amount <= claim_amount)))",
            "CHECK ((claim_amount > (0)::numeric))",
        ),
    ),
    "payout_requests": (
        (
            "claim_reference approved_amount:numeric(14,2) deductible:numeric(14,2) policy_limit:numeric(14,2) "
            "coinsurance_rate:numeric(5,4) currency policy_number period_start prior_deductible_met:numeric(14,2) "
            "prior_paid:numeric(14,2) payout_amount:numeric(14,2) breakdown:jsonb status processed_at input_fingerprint"
        ),
        (
            "UNIQUE (claim_reference)",
            "INDEX (policy_number, period_start) WHERE (status = ANY (ARRAY['paid'::text, 'zero_paid'::text]))",
            "CHECK ((approved_amount >= (0)::numeric))",
            "CHECK ((deductible >= (0)::numeric))",
            "CHECK ((policy_limit >= (0)::numeric))",
            "CHECK (((prior_deductible_met >= (0)::numeric) AND (prior_paid >= (0)::numeric)))",
            "CHECK (((payout_amount >= (0)::numeric) AND (payout_amount <= LEAST(approved_amount, policy_limit))))",
            (
                "CHECK ((approved_amount = (((payout_amount + deductible_applied) + coinsurance_amount)"
                " + limit_reduction)))"
            ),
        ),
    ),
    "notification_requests": (
        (
            "recipient_email subject message sent:boolean status attempts:integer next_attempt_at last_error sent_at "
            "claim_reference dedupe_key"
        ),
        (
            "INDEX (status, next_attempt_at) WHERE (sent = false)",
            "UNIQUE (dedupe_key) WHERE (dedupe_key IS NOT NULL)",
            "CHECK ((sent = (sent_at IS NOT NULL)))",
        ),
    ),
    "icd_codes": (
        "code description billable:boolean chapter synonyms:jsonb search document:tsvector",
        ("UNIQUE (code)", "INDEX USING gin (document)", "INDEX USING gin (synonyms)", "INDEX (search)"),
    ),
    "reviewer_transitions": (
        (
            "reviewer_request_id:uuid seq:integer action from_state to_state actor_id actor_role reason_code comment "
            "amount:numeric(14,2) at"
        ),
        (
            "FOREIGN KEY (reviewer_request_id) REFERENCES verification.reviewer_requests(id)",
            "UNIQUE (reviewer_request_id, seq)",
            "CHECK ((amount >= (0)::numeric))",
        ),
    ),
    "verification_requests": (
        (
            "kind subject_type subject_key params:jsonb outcome verdict response_hash as_of verified_at valid_until "
            "stale:boolean session_key client duration_ms receipt"
        ),
        ("INDEX (subject_type, subject_key, verified_at DESC)",),
    ),
}
"""The specification's list: columns (with their type or `!` for NOT NULL where that is the point), then constraints."""

APPEND_ONLY: Final = {"reviewer_transitions", "verification_requests"}
BOOKKEEPING: Final = {"icd_releases"}

COLUMNS: Final = """
SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
    coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS otherwise
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
WHERE c.relnamespace = 'verification'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
"""
CONSTRAINTS: Final = """
SELECT conrelid::regclass::text AS table, pg_get_constraintdef(oid) AS definition FROM pg_constraint
WHERE connamespace = 'verification'::regnamespace
UNION ALL
SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
JOIN pg_class c ON c.oid = indrelid WHERE c.relnamespace = 'verification'::regnamespace
"""
TRIGGERS: Final = """
SELECT tgrelid::regclass::text AS table, pg_get_triggerdef(t.oid) AS definition FROM pg_trigger t
JOIN pg_class c ON c.oid = tgrelid WHERE c.relnamespace = 'verification'::regnamespace AND NOT tgisinternal
"""


@pytest.fixture
async def connection(storage: Storage) -> AsyncIterator[Connection]:
    connection = await storage.connect(application_name="test")
    yield connection
    await connection.close()


def by_table(rows: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row["table"].removeprefix("verification."), []).append(row)
    return found


async def test_the_columns_are_the_specified_ones_of_their_types(connection: Connection) -> None:
    found = by_table(await connection.fetch(COLUMNS))
    assert {table for table in found if not table.startswith("stub_")} - BOOKKEEPING == SPECIFIED.keys()
    for table, (columns, _) in SPECIFIED.items():
        held = {row["name"]: row for row in found[table]}
        assert (held["id"]["type"], held["id"]["required"]) == ("uuid", True)
        created = held["created_at"]
        assert (created["type"], created["required"], created["otherwise"]) == (
            "timestamp with time zone", True, "now()",
        )  # fmt: skip
        for column in columns.split():
            name, _, kind = column.removesuffix("!").partition(":")
            assert name in held, f"{table} lacks {name}"
            assert kind in {"", held[name]["type"]}, f"{table}.{name} is {held[name]['type']}"
            assert held[name]["required"] or not column.endswith("!")


async def test_every_specified_key_check_and_index_is_in_the_database(connection: Connection) -> None:
    found = by_table(await connection.fetch(CONSTRAINTS))
    missing = [
        f"{table}: {constraint}"
        for table, (_, constraints) in SPECIFIED.items()
        for constraint in constraints
        if not any(_says(row["definition"], constraint) for row in found[table])
    ]
    assert missing == []


def _says(definition: str, constraint: str) -> bool:
    """Tell whether PostgreSQL's words for a constraint or an index say what is specified."""
    vocabulary = re.fullmatch(r"CHECK (\w+): (.*)", constraint)
    if vocabulary:
        column, words = vocabulary[1], vocabulary[2].split()
        return definition.startswith(f"CHECK (({column} =") and all(f"'{word}'" in definition for word in words)
    index = re.fullmatch(r"CREATE (UNIQUE )?INDEX \w+ ON verification\.\w+ (.*)", definition)
    if index:
        method = index[2].removeprefix("USING btree ")
        return constraint == f"{'UNIQUE' if index[1] else 'INDEX'} {method}"
    return definition == constraint


async def test_whatever_may_change_tells_when_it_did_and_records_do_not_change(connection: Connection) -> None:
    columns, triggers = by_table(await connection.fetch(COLUMNS)), by_table(await connection.fetch(TRIGGERS))
    mutable = {table for table, held in columns.items() if "updated_at" in {row["name"] for row in held}}
    touched = {table for table, held in triggers.items() if any("set_updated_at()" in r["definition"] for r in held)}
    kept = {table for table, held in triggers.items() if any("UPDATE OR DELETE" in r["definition"] for r in held)}
    kept |= {table for table, held in triggers.items() if any("DELETE OR UPDATE" in r["definition"] for r in held)}
    assert touched == mutable
    assert kept == APPEND_ONLY


EVERY_IDENTIFIER: Final = frozenset({"doctor_id", "license_number", "license_state", "npi"})
LOOK_UPS: Final[dict[str, Query[Any]]] = {
    **{f"licence by {name}": license_query(frozenset({name})) for name in ("doctor_id", "license_number", "npi")},
    "verify": dossier_query(EVERY_IDENTIFIER, tuple(SECTIONS)),
    "roll number": academic.BY_ROLL_NUMBER,
    "certificate": academic.BY_CERTIFICATE,
    "student": academic.STUDENT,
    "records": academic.RECORDS,
    "codes": enrichment.CODES,
    "descriptions": enrichment.DESCRIBED,
    "synonyms": enrichment.SYNONYMOUS,
    "words": enrichment.RESEMBLING,
    "enrichment": enrichment.BY_REFERENCE,
    "review": review.BY_REFERENCE,
    "history": review.HISTORY,
    "overdue reviews": review.OVERDUE,
    "payout": payout.BY_REFERENCE,
    "earlier payouts": payout.PRIORS,
    "due notifications": notification.DUE,
    "stranded notifications": notification.STRANDED,
    "lost notifications": notification.GIVE_UP_LOST,
    "suppressed": notification.IS_SUPPRESSED,
    "expiring credentials": deadlines.EXPIRING,
    "stale verifications": deadlines.MARK_STALE,
    "retired verdicts": evidence.RETIRE,
}


NEVER_VACUUMED = """
    UPDATE pg_class SET relpages = 0, reltuples = -1 WHERE relkind = 'r' AND relnamespace = 'verification'::regnamespace
"""
"""A table that was vacuumed while it was empty costs nothing to scan: hashing all of it then beats any index."""


@pytest.mark.parametrize("name", LOOK_UPS)
async def test_a_look_up_needs_no_scan_of_its_table(connection: Connection, name: str) -> None:
    """With scans switched off, PostgreSQL falls back on one only where no index can serve."""
    statement = LOOK_UPS[name].compiled.sql
    nothing = ", ".join("NULL" for _ in set(re.findall(r"\$\d+", statement)))
    await connection.execute(NEVER_VACUUMED)
    await connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    await connection.execute(f"PREPARE look_up AS {statement}")
    plan = await connection.fetch(f"EXPLAIN EXECUTE look_up({nothing})")
    assert [line for (line,) in plan if "Seq Scan" in line] == []
