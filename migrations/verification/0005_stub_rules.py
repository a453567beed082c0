"""The stub control plane: rules that overlay answers, the states of their scenarios, and settings."""

from alembic import op

revision = "verification_0005"
down_revision = "verification_0004"
branch_labels = None
depends_on = None

RULES = """
CREATE TABLE verification.stub_rules (
    id uuid NOT NULL,
    name text NOT NULL,
    priority smallint NOT NULL,
    position bigint NOT NULL,
    revision bigint NOT NULL,
    definition text NOT NULL,
    scenario text,
    required_state text,
    new_state text,
    times integer,
    used integer DEFAULT 0 NOT NULL,
    expires_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_stub_rules PRIMARY KEY (id),
    CONSTRAINT uq_stub_rules_position UNIQUE (position),
    CONSTRAINT ck_stub_rules_priority CHECK (priority BETWEEN 1 AND 1000),
    CONSTRAINT ck_stub_rules_times CHECK (times > 0),
    CONSTRAINT ck_stub_rules_used CHECK (used >= 0)
)
"""

INSTANCES = """
CREATE TABLE verification.stub_scenario_instances (
    id uuid NOT NULL,
    name text NOT NULL,
    key text NOT NULL,
    state text NOT NULL,
    hits bigint DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_stub_scenario_instances PRIMARY KEY (id),
    CONSTRAINT uq_stub_scenario_instances_key UNIQUE (name, key)
)
"""

SETTINGS = """
CREATE TABLE verification.stub_settings (
    id smallint NOT NULL,
    revision bigint NOT NULL,
    settings_revision bigint DEFAULT 0 NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_stub_settings PRIMARY KEY (id),
    CONSTRAINT ck_stub_settings_single CHECK (id = 1)
)
"""

TABLES = ("stub_rules", "stub_scenario_instances", "stub_settings")


def upgrade() -> None:
    """Create the tables, and the sequence that no deletion of rows sets back."""
    op.execute("CREATE SEQUENCE verification.stub_revision AS bigint")
    for table in (RULES, INSTANCES, SETTINGS):
        op.execute(table)
    op.execute("CREATE INDEX ix_stub_rules_scenario ON verification.stub_rules (scenario) WHERE scenario IS NOT NULL")
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER set_updated_at BEFORE UPDATE ON verification.{table}"
            " FOR EACH ROW EXECUTE FUNCTION verification.set_updated_at()"
        )


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE verification.{table}")
    op.execute("DROP SEQUENCE verification.stub_revision")
