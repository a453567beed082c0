"""Doctors with the six tables of their credentials and history, and the append-only record of verifications."""

from alembic import op

revision = "verification_0001"
down_revision = None
branch_labels = None
depends_on = None

DOCTORS = """
CREATE TABLE verification.doctors (
    id uuid NOT NULL,
    doctor_id text NOT NULL,
    full_name text NOT NULL,
    npi text,
    npi_status text,
    date_of_birth date,
    specialization text,
    license_number text NOT NULL,
    license_state text,
    license_type text,
    license_status text NOT NULL,
    license_issued_on date,
    license_expires_on date,
    license_restrictions jsonb DEFAULT '[]' NOT NULL,
    issuing_board text,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_doctors PRIMARY KEY (id),
    CONSTRAINT uq_doctors_doctor_id UNIQUE (doctor_id),
    CONSTRAINT ck_doctors_npi CHECK (npi ~ '^[12][0-9]{9}$'),
    CONSTRAINT ck_doctors_npi_status CHECK (npi_status IN ('A', 'D')),
    CONSTRAINT ck_doctors_license_status CHECK (license_status IN ('active', 'inactive', 'expired', 'probation',
        'restricted', 'suspended', 'revoked', 'surrendered', 'denied', 'pending_renewal')),
    CONSTRAINT ck_doctors_license_dates CHECK (license_expires_on >= license_issued_on)
)
"""

DEGREES = """
CREATE TABLE verification.degrees (
    id uuid NOT NULL,
    doctor_id uuid NOT NULL,
    degree_type text NOT NULL,
    field text,
    institution text NOT NULL,
    country text,
    started_on date,
    graduated_on date,
    honors text,
    accreditation text,
    verified boolean DEFAULT false NOT NULL,
    revoked_on date,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_degrees PRIMARY KEY (id),
    CONSTRAINT fk_degrees_doctor_id_doctors FOREIGN KEY (doctor_id)
        REFERENCES verification.doctors (id) ON DELETE CASCADE,
    CONSTRAINT uq_degrees_doctor_id_degree_type_institution_graduated_on
        UNIQUE (doctor_id, degree_type, institution, graduated_on),
    CONSTRAINT ck_degrees_dates CHECK (started_on <= graduated_on)
)
"""

BOARD_CERTIFICATIONS = """
CREATE TABLE verification.board_certifications (
    id uuid NOT NULL,
    doctor_id uuid NOT NULL,
    board text NOT NULL,
    specialty text NOT NULL,
    certificate_number text,
    status text NOT NULL,
    initial_on date,
    expires_on date,
    moc_participating boolean,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_board_certifications PRIMARY KEY (id),
    CONSTRAINT fk_board_certifications_doctor_id_doctors FOREIGN KEY (doctor_id)
        REFERENCES verification.doctors (id) ON DELETE CASCADE,
    CONSTRAINT uq_board_certifications_board_certificate_number UNIQUE (board, certificate_number),
    CONSTRAINT ck_board_certifications_status CHECK (status IN ('active', 'expired', 'revoked', 'lifetime')),
    CONSTRAINT ck_board_certifications_dates CHECK (initial_on <= expires_on)
)
"""

TRAININGS = """
CREATE TABLE verification.trainings (
    id uuid NOT NULL,
    doctor_id uuid NOT NULL,
    kind text NOT NULL,
    program text,
    specialty text,
    institution text NOT NULL,
    acgme_id text,
    started_on date,
    completed_on date,
    status text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_trainings PRIMARY KEY (id),
    CONSTRAINT fk_trainings_doctor_id_doctors FOREIGN KEY (doctor_id)
        REFERENCES verification.doctors (id) ON DELETE CASCADE,
    CONSTRAINT ck_trainings_kind CHECK (kind IN ('internship', 'residency', 'fellowship', 'other')),
    CONSTRAINT ck_trainings_status CHECK (status IN ('completed', 'in_progress', 'withdrawn', 'dismissed')),
    CONSTRAINT ck_trainings_dates CHECK (started_on <= completed_on),
    CONSTRAINT ck_trainings_completed_on CHECK (status <> 'completed' OR completed_on IS NOT NULL)
)
"""

EMPLOYMENTS = """
CREATE TABLE verification.employments (
    id uuid NOT NULL,
    doctor_id uuid NOT NULL,
    employer text NOT NULL,
    position text,
    facility_type text,
    started_on date NOT NULL,
    ended_on date,
    reason_for_leaving text,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_employments PRIMARY KEY (id),
    CONSTRAINT fk_employments_doctor_id_doctors FOREIGN KEY (doctor_id)
        REFERENCES verification.doctors (id) ON DELETE CASCADE,
    CONSTRAINT ck_employments_dates CHECK (started_on <= ended_on)
)
"""

DISCIPLINARY_ACTIONS = """
CREATE TABLE verification.disciplinary_actions (
    id uuid NOT NULL,
    doctor_id uuid NOT NULL,
    action_type text NOT NULL,
    severity text NOT NULL,
    authority text NOT NULL,
    case_number text,
    reason text,
    effective_on date NOT NULL,
    ended_on date,
    document_url text,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_disciplinary_actions PRIMARY KEY (id),
    CONSTRAINT fk_disciplinary_actions_doctor_id_doctors FOREIGN KEY (doctor_id)
        REFERENCES verification.doctors (id) ON DELETE CASCADE,
    CONSTRAINT uq_disciplinary_actions_authority_case_number UNIQUE (authority, case_number),
    CONSTRAINT ck_disciplinary_actions_severity CHECK (severity IN ('advisory', 'reprimand', 'fine', 'probation',
        'restriction', 'suspension', 'revocation')),
    CONSTRAINT ck_disciplinary_actions_dates CHECK (effective_on <= ended_on)
)
"""

MALPRACTICE_CASES = """
CREATE TABLE verification.malpractice_cases (
    id uuid NOT NULL,
    doctor_id uuid NOT NULL,
    case_number text NOT NULL,
    court text,
    filed_on date NOT NULL,
    closed_on date,
    status text NOT NULL,
    amount_paid numeric(14, 2) DEFAULT 0 NOT NULL,
    currency text DEFAULT 'USD' NOT NULL,
    allegation text,
    npdb_reported boolean DEFAULT false NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_malpractice_cases PRIMARY KEY (id),
    CONSTRAINT fk_malpractice_cases_doctor_id_doctors FOREIGN KEY (doctor_id)
        REFERENCES verification.doctors (id) ON DELETE CASCADE,
    CONSTRAINT uq_malpractice_cases_court_case_number UNIQUE (court, case_number),
    CONSTRAINT ck_malpractice_cases_status CHECK (status IN ('pending', 'dismissed', 'settled',
        'judgment_plaintiff', 'judgment_defendant')),
    CONSTRAINT ck_malpractice_cases_dates CHECK (filed_on <= closed_on),
    CONSTRAINT ck_malpractice_cases_amount_paid CHECK (amount_paid >= 0),
    CONSTRAINT ck_malpractice_cases_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_malpractice_cases_pending CHECK (status <> 'pending' OR (closed_on IS NULL AND amount_paid = 0))
)
"""

VERIFICATION_REQUESTS = """
CREATE TABLE verification.verification_requests (
    id uuid NOT NULL,
    kind text NOT NULL,
    subject_type text NOT NULL,
    subject_key text NOT NULL,
    params jsonb NOT NULL,
    outcome text NOT NULL,
    verdict text,
    response_hash text NOT NULL,
    as_of date NOT NULL,
    verified_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    stale boolean DEFAULT false NOT NULL,
    session_key text,
    client text NOT NULL,
    duration_ms integer NOT NULL,
    receipt text,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_verification_requests PRIMARY KEY (id)
)
"""

TABLES = (
    DOCTORS,
    DEGREES,
    BOARD_CERTIFICATIONS,
    TRAININGS,
    EMPLOYMENTS,
    DISCIPLINARY_ACTIONS,
    MALPRACTICE_CASES,
    VERIFICATION_REQUESTS,
)

INDEXES = (
    # A number without a state is one of a kind, too: two absent states count as the same.
    (
        "CREATE UNIQUE INDEX uq_doctors_license_number_license_state ON verification.doctors"
        " (license_number, license_state) NULLS NOT DISTINCT"
    ),
    "CREATE UNIQUE INDEX uq_doctors_npi ON verification.doctors (npi) WHERE npi IS NOT NULL",
    "CREATE INDEX ix_doctors_full_name ON verification.doctors (lower(full_name))",
    "CREATE INDEX ix_doctors_license_expires_on ON verification.doctors (license_expires_on)",
    "CREATE INDEX ix_board_certifications_doctor_id ON verification.board_certifications (doctor_id)",
    "CREATE INDEX ix_board_certifications_expires_on ON verification.board_certifications (expires_on)",
    "CREATE INDEX ix_trainings_doctor_id ON verification.trainings (doctor_id)",
    "CREATE INDEX ix_employments_doctor_id_started_on ON verification.employments (doctor_id, started_on)",
    (
        "CREATE INDEX ix_disciplinary_actions_doctor_id_ended_on"
        " ON verification.disciplinary_actions (doctor_id, ended_on)"
    ),
    "CREATE INDEX ix_malpractice_cases_doctor_id_filed_on ON verification.malpractice_cases (doctor_id, filed_on)",
    (
        "CREATE INDEX ix_verification_requests_subject"
        " ON verification.verification_requests (subject_type, subject_key, verified_at DESC)"
    ),
    (
        "CREATE INDEX ix_verification_requests_expiring"
        " ON verification.verification_requests (valid_until) WHERE NOT stale"
    ),
)

TOUCH = """
CREATE FUNCTION verification.set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$
"""

# Only the flag `stale` may ever change in the record of what was verified.
KEEP = """
CREATE FUNCTION verification.keep_verification_requests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - 'stale' = to_jsonb(OLD) - 'stale' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'verification_requests is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""

TRIGGERS = (
    (
        "CREATE TRIGGER set_updated_at BEFORE UPDATE ON verification.doctors"
        " FOR EACH ROW EXECUTE FUNCTION verification.set_updated_at()"
    ),
    (
        "CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON verification.verification_requests"
        " FOR EACH ROW EXECUTE FUNCTION verification.keep_verification_requests()"
    ),
)


def upgrade() -> None:
    """Create the tables, their indexes and the triggers that keep them."""
    for statement in ("CREATE SCHEMA IF NOT EXISTS verification", *TABLES, *INDEXES, TOUCH, KEEP, *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    """Drop them; the schema stays, since other revisions may have tables in it."""
    for table in (
        "verification_requests",
        "malpractice_cases",
        "disciplinary_actions",
        "employments",
        "trainings",
        "board_certifications",
        "degrees",
        "doctors",
    ):
        op.execute(f"DROP TABLE verification.{table}")
    op.execute("DROP FUNCTION verification.keep_verification_requests()")
    op.execute("DROP FUNCTION verification.set_updated_at()")
