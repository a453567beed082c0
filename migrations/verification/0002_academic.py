"""Academic admission: students, their records, and the rules of eligibility and merit."""

from alembic import op

revision = "verification_0002"
down_revision = "verification_0001"
branch_labels = None
depends_on = None

STUDENTS = """
CREATE TABLE verification.student_seeds (
    id uuid NOT NULL,
    student_id text NOT NULL,
    name text NOT NULL,
    date_of_birth date,
    category text DEFAULT 'GENERAL' NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_student_seeds PRIMARY KEY (id),
    CONSTRAINT uq_student_seeds_student_id UNIQUE (student_id)
)
"""

RECORDS = """
CREATE TABLE verification.academic_records (
    id uuid NOT NULL,
    student_seed_id uuid NOT NULL,
    level text NOT NULL,
    board text NOT NULL,
    exam_year integer NOT NULL,
    roll_number text NOT NULL,
    certificate_number text,
    marks_obtained numeric(8, 2) NOT NULL,
    total_marks numeric(8, 2) NOT NULL,
    result text NOT NULL,
    subjects jsonb DEFAULT '{}'::jsonb NOT NULL,
    issued_on date,
    expires_on date,
    revoked_on date,
    revoked_reason text,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_academic_records PRIMARY KEY (id),
    CONSTRAINT fk_academic_records_student_seed_id_student_seeds FOREIGN KEY (student_seed_id)
        REFERENCES verification.student_seeds (id) ON DELETE CASCADE,
    CONSTRAINT uq_academic_records_certificate_number UNIQUE (certificate_number),
    CONSTRAINT uq_academic_records_roll_entry UNIQUE (board, exam_year, level, roll_number),
    CONSTRAINT ck_academic_records_level
        CHECK (level IN ('matric', 'intermediate', 'bachelor', 'entry_test', 'interview', 'other')),
    CONSTRAINT ck_academic_records_result CHECK (result IN ('pass', 'fail', 'awaited', 'compartment')),
    CONSTRAINT ck_academic_records_marks CHECK (marks_obtained BETWEEN 0 AND total_marks AND total_marks > 0),
    CONSTRAINT ck_academic_records_validity CHECK (expires_on >= issued_on)
)
"""

ELIGIBILITY_RULES = """
CREATE TABLE verification.eligibility_rules (
    id uuid NOT NULL,
    program text NOT NULL,
    rule jsonb NOT NULL,
    category_specific jsonb DEFAULT '{}'::jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    active boolean DEFAULT true NOT NULL,
    effective_from date,
    effective_to date,
    superseded jsonb DEFAULT '[]'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_eligibility_rules PRIMARY KEY (id),
    CONSTRAINT uq_eligibility_rules_program UNIQUE (program),
    CONSTRAINT ck_eligibility_rules_version CHECK (version >= 1),
    CONSTRAINT ck_eligibility_rules_effective CHECK (effective_to >= effective_from)
)
"""

MERIT_RULES = """
CREATE TABLE verification.merit_rules (
    id uuid NOT NULL,
    program text NOT NULL,
    weightage jsonb NOT NULL,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    active boolean DEFAULT true NOT NULL,
    superseded jsonb DEFAULT '[]'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_merit_rules PRIMARY KEY (id),
    CONSTRAINT uq_merit_rules_program UNIQUE (program),
    CONSTRAINT ck_merit_rules_version CHECK (version >= 1)
)
"""

TABLES = ("student_seeds", "academic_records", "eligibility_rules", "merit_rules")


def upgrade() -> None:
    """Create the tables and what serves their look-ups."""
    for table in (STUDENTS, RECORDS, ELIGIBILITY_RULES, MERIT_RULES):
        op.execute(table)
    op.execute("CREATE INDEX ix_academic_records_roll_number ON verification.academic_records (roll_number)")
    op.execute("CREATE INDEX ix_academic_records_student_seed_id ON verification.academic_records (student_seed_id)")
    for table in ("eligibility_rules", "merit_rules"):
        op.execute(
            f"CREATE TRIGGER set_updated_at BEFORE UPDATE ON verification.{table}"
            " FOR EACH ROW EXECUTE FUNCTION verification.set_updated_at()"
        )


def downgrade() -> None:
    """Drop the tables, those that refer to others first."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE verification.{table}")
