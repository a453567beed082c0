"""Insurance claims: diagnoses, reviews and their transitions, payouts, notifications, and the list of ICD codes."""

from alembic import op

revision = "verification_0003"
down_revision = "verification_0002"
branch_labels = None
depends_on = None

ENRICHMENTS = """
CREATE TABLE verification.medical_enrichment_requests (
    id uuid NOT NULL,
    claim_reference text NOT NULL,
    diagnosis text NOT NULL,
    hospital_name text NOT NULL,
    icd_mapping jsonb NOT NULL,
    notes text,
    result jsonb,
    status text DEFAULT 'registered' NOT NULL,
    processed_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_medical_enrichment_requests PRIMARY KEY (id),
    CONSTRAINT uq_medical_enrichment_requests_claim_reference UNIQUE (claim_reference),
    CONSTRAINT ck_medical_enrichment_requests_status CHECK (status IN ('registered', 'enriched'))
)
"""

REVIEWS = """
CREATE TABLE verification.reviewer_requests (
    id uuid NOT NULL,
    claim_reference text NOT NULL,
    claim_amount numeric(14, 2) NOT NULL,
    approved_amount numeric(14, 2),
    currency text NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    assigned_to text,
    submitted_by text NOT NULL,
    priority smallint NOT NULL,
    due_at timestamptz,
    sla_breached_at timestamptz,
    workflow_state jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_reviewer_requests PRIMARY KEY (id),
    CONSTRAINT uq_reviewer_requests_claim_reference UNIQUE (claim_reference),
    CONSTRAINT ck_reviewer_requests_claim_amount CHECK (claim_amount > 0),
    CONSTRAINT ck_reviewer_requests_approved_amount CHECK (approved_amount BETWEEN 0 AND claim_amount),
    CONSTRAINT ck_reviewer_requests_state CHECK (state IN (
        'submitted', 'assigned', 'in_review', 'info_requested', 'approved',
        'partially_approved', 'rejected', 'appealed', 'withdrawn', 'closed')),
    CONSTRAINT ck_reviewer_requests_priority CHECK (priority BETWEEN 0 AND 3),
    CONSTRAINT ck_reviewer_requests_version CHECK (version >= 1)
)
"""

TRANSITIONS = """
CREATE TABLE verification.reviewer_transitions (
    id uuid NOT NULL,
    reviewer_request_id uuid NOT NULL,
    seq integer NOT NULL,
    action text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    actor_id text NOT NULL,
    actor_role text NOT NULL,
    reason_code text,
    comment text,
    amount numeric(14, 2),
    at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_reviewer_transitions PRIMARY KEY (id),
    CONSTRAINT uq_reviewer_transitions_seq UNIQUE (reviewer_request_id, seq),
    CONSTRAINT fk_reviewer_transitions_reviewer_request_id_reviewer_requests
        FOREIGN KEY (reviewer_request_id) REFERENCES verification.reviewer_requests (id)
)
"""

PAYOUTS = """
CREATE TABLE verification.payout_requests (
    id uuid NOT NULL,
    claim_reference text NOT NULL,
    approved_amount numeric(14, 2) NOT NULL,
    deductible numeric(14, 2) NOT NULL,
    policy_limit numeric(14, 2) NOT NULL,
    coinsurance_rate numeric(5, 4) NOT NULL,
    currency text NOT NULL,
    policy_number text,
    period_start date,
    prior_deductible_met numeric(14, 2) NOT NULL,
    prior_paid numeric(14, 2) NOT NULL,
    payee text,
    payout_amount numeric(14, 2),
    deductible_applied numeric(14, 2),
    coinsurance_amount numeric(14, 2),
    limit_reduction numeric(14, 2),
    breakdown jsonb,
    status text DEFAULT 'pending' NOT NULL,
    processed_at timestamptz,
    input_fingerprint text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_payout_requests PRIMARY KEY (id),
    CONSTRAINT uq_payout_requests_claim_reference UNIQUE (claim_reference),
    CONSTRAINT ck_payout_requests_approved_amount CHECK (approved_amount >= 0),
    CONSTRAINT ck_payout_requests_deductible CHECK (deductible >= 0),
    CONSTRAINT ck_payout_requests_policy_limit CHECK (policy_limit >= 0),
    CONSTRAINT ck_payout_requests_coinsurance_rate CHECK (coinsurance_rate BETWEEN 0 AND 1),
    CONSTRAINT ck_payout_requests_priors CHECK (prior_deductible_met >= 0 AND prior_paid >= 0),
    CONSTRAINT ck_payout_requests_status CHECK (status IN ('pending', 'paid', 'zero_paid')),
    CONSTRAINT ck_payout_requests_payout_amount
        CHECK (payout_amount BETWEEN 0 AND least(approved_amount, policy_limit)),
    CONSTRAINT ck_payout_requests_adjustments
        CHECK (deductible_applied >= 0 AND coinsurance_amount >= 0 AND limit_reduction >= 0),
    CONSTRAINT ck_payout_requests_balances
        CHECK (approved_amount = payout_amount + deductible_applied + coinsurance_amount + limit_reduction),
    CONSTRAINT ck_payout_requests_processed
        CHECK ((status = 'pending') = (processed_at IS NULL) AND (status = 'pending') = (payout_amount IS NULL))
)
"""

NOTIFICATIONS = """
CREATE TABLE verification.notification_requests (
    id uuid NOT NULL,
    recipient_email text NOT NULL,
    subject text NOT NULL,
    message text NOT NULL,
    message_id text NOT NULL,
    sent boolean DEFAULT false NOT NULL,
    status text DEFAULT 'pending' NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamptz,
    last_error text,
    sent_at timestamptz,
    claim_reference text,
    send_after timestamptz,
    dedupe_key text,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_notification_requests PRIMARY KEY (id),
    CONSTRAINT ck_notification_requests_sent CHECK (sent = (sent_at IS NOT NULL)),
    CONSTRAINT ck_notification_requests_status
        CHECK (status IN ('pending', 'queued', 'sending', 'sent', 'uncertain', 'failed')),
    CONSTRAINT ck_notification_requests_sent_status CHECK (sent = (status = 'sent'))
)
"""

ICD_CODES = """
CREATE TABLE verification.icd_codes (
    id uuid NOT NULL,
    code text NOT NULL,
    description text NOT NULL,
    billable boolean NOT NULL,
    chapter text,
    synonyms jsonb DEFAULT '[]'::jsonb NOT NULL,
    search text NOT NULL,
    document tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, search)) STORED,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_icd_codes PRIMARY KEY (id),
    CONSTRAINT uq_icd_codes_code UNIQUE (code)
)
"""

ICD_RELEASES = """
CREATE TABLE verification.icd_releases (
    id uuid NOT NULL,
    source text NOT NULL,
    checksum text NOT NULL,
    codes integer NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_icd_releases PRIMARY KEY (id)
)
"""

INDEXES = """
CREATE INDEX ix_medical_enrichment_requests_status ON verification.medical_enrichment_requests (status);
CREATE INDEX ix_reviewer_requests_work ON verification.reviewer_requests (state, priority, due_at);
CREATE INDEX ix_payout_requests_policy_period ON verification.payout_requests (policy_number, period_start)
    WHERE status IN ('paid', 'zero_paid');
CREATE INDEX ix_notification_requests_due ON verification.notification_requests (status, next_attempt_at)
    WHERE sent = false;
CREATE UNIQUE INDEX uq_notification_requests_dedupe_key ON verification.notification_requests (dedupe_key)
    WHERE dedupe_key IS NOT NULL;
CREATE INDEX ix_notification_requests_suppressed ON verification.notification_requests (recipient_email)
    WHERE last_error = 'recipient_refused';
CREATE INDEX ix_icd_codes_search ON verification.icd_codes (search);
CREATE INDEX ix_icd_codes_synonyms ON verification.icd_codes USING gin (synonyms);
CREATE INDEX ix_icd_codes_document ON verification.icd_codes USING gin (document);
"""

APPEND_ONLY = """
CREATE FUNCTION verification.refuse_change_of_transitions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'reviewer_transitions is append-only' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON verification.reviewer_transitions
    FOR EACH ROW EXECUTE FUNCTION verification.refuse_change_of_transitions();
"""

TABLES = (
    "icd_releases",
    "icd_codes",
    "notification_requests",
    "payout_requests",
    "reviewer_transitions",
    "reviewer_requests",
    "medical_enrichment_requests",
)


def _run(script: str) -> None:
    """Run the statements of a script one by one, since asyncpg prepares each."""
    for statement in filter(str.strip, script.split(";\n")):
        op.execute(statement)


def upgrade() -> None:
    """Create the tables, their indexes and the trigger."""
    for table in (ENRICHMENTS, REVIEWS, TRANSITIONS, PAYOUTS, NOTIFICATIONS, ICD_CODES, ICD_RELEASES):
        op.execute(table)
    _run(INDEXES)
    function, _, trigger = APPEND_ONLY.partition("$$;\n")
    op.execute(f"{function}$$")
    op.execute(trigger)


def downgrade() -> None:
    """Drop the tables, those that refer to others first, and the function of the trigger."""
    for table in TABLES:
        op.execute(f"DROP TABLE verification.{table}")
    op.execute("DROP FUNCTION verification.refuse_change_of_transitions()")
