"""The rows of insurance claims tell when they last changed, and no step of a review decides a negative amount."""

from alembic import op

revision = "verification_0004"
down_revision = "verification_0003"
branch_labels = None
depends_on = None

MUTABLE = (
    "medical_enrichment_requests",
    "reviewer_requests",
    "payout_requests",
    "notification_requests",
    "icd_codes",
)


def upgrade() -> None:
    """Create the triggers and the constraint."""
    for table in MUTABLE:
        op.execute(
            f"CREATE TRIGGER set_updated_at BEFORE UPDATE ON verification.{table}"
            " FOR EACH ROW EXECUTE FUNCTION verification.set_updated_at()"
        )
    # Nothing to look through yet: the table is as new as the revision before this one, and only grows from here.
    op.execute(
        "-- squawk-ignore constraint-missing-not-valid\n"
        "ALTER TABLE verification.reviewer_transitions"
        " ADD CONSTRAINT ck_reviewer_transitions_amount CHECK (amount >= 0)"
    )


def downgrade() -> None:
    """Drop them."""
    op.execute("ALTER TABLE verification.reviewer_transitions DROP CONSTRAINT ck_reviewer_transitions_amount")
    for table in MUTABLE:
        op.execute(f"DROP TRIGGER set_updated_at ON verification.{table}")
