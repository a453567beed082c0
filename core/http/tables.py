"""The tables of the HTTP side. Its statements are plain SQL, since they run on the driver's connection."""

from typing import Final

from sqlalchemy import Column, DateTime, Index, Integer, LargeBinary, SmallInteger, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB

from core.tables import metadata

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("scope", LargeBinary, primary_key=True, comment="SHA-256 of principal, method, route template and key"),
    Column("route", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False, comment="SHA-256 of the request"),
    Column("reference", Text, comment="what a stepwise use case resumes by"),
    Column("locked_until", DateTime(timezone=True), comment="set while a stepwise use case is under way"),
    Column("status", SmallInteger, comment="null until the request has been answered"),
    Column("headers", JSONB),
    Column("body", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("ix_idempotency_keys_expires_at", "expires_at"),
    schema="core",
)

rate_limits: Final = Table(
    "rate_limits",
    metadata,
    Column("key", Text, primary_key=True, comment="name of the limit and whom it counts"),
    Column("used", Integer, nullable=False),
    Column("granted", Integer, nullable=False, server_default=text("0"), comment="tokens granted last"),
    Column("resets_at", DateTime(timezone=True), nullable=False),
    Index("ix_rate_limits_resets_at", "resets_at"),
    schema="core",
    prefixes=["UNLOGGED"],
)

console_sessions: Final = Table(
    "console_sessions",
    metadata,
    Column("token", LargeBinary, primary_key=True, comment="HMAC-SHA-256 of the cookie under the admin key"),
    Column("login", LargeBinary, unique=True, comment="nonce of the one-time URL; null: the admin key opened it"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    schema="core",
)
