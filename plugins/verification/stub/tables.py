"""The tables of rules, scenarios and settings. Every process keeps a compiled copy of the rules and the settings."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.tables import Identified, Timestamped
from plugins.verification.tables import Base


class StubRule(Base, Identified, Timestamped):
    """A rule that overlays answers.

    `definition` is its JSON as text, since the order of an answer's members is the author's; what statements need is
    beside it. `position` orders rules by their making; `revision` grows with every change of any rule.
    """

    __tablename__ = "stub_rules"
    __table_args__ = (
        UniqueConstraint("position"),
        CheckConstraint("priority BETWEEN 1 AND 1000", name="priority"),
        CheckConstraint("times > 0", name="times"),
        CheckConstraint("used >= 0", name="used"),
        Index("ix_stub_rules_scenario", "scenario", postgresql_where=text("scenario IS NOT NULL")),
    )

    name: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger)
    position: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(BigInteger)
    definition: Mapped[str]
    scenario: Mapped[str | None]
    required_state: Mapped[str | None]
    new_state: Mapped[str | None]
    times: Mapped[int | None]
    used: Mapped[int] = mapped_column(server_default=text("0"))
    expires_at: Mapped[datetime | None]


class StubScenarioInstance(Base, Identified, Timestamped):
    """The state that a scenario is in for one key; without a row it is in the first one."""

    __tablename__ = "stub_scenario_instances"
    __table_args__ = (UniqueConstraint("name", "key", name="uq_stub_scenario_instances_key"),)

    name: Mapped[str]
    key: Mapped[str]
    state: Mapped[str]
    hits: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class StubSetting(Base, Timestamped):
    """The one row of settings, and the revision of rules and settings together: another number after every change."""

    __tablename__ = "stub_settings"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(BigInteger)
    settings_revision: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
