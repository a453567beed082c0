"""Entries, written by requests, and effects, written by jobs."""

from typing import Final
from uuid import UUID

from sqlalchemy.orm import DeclarativeBase, Mapped

from core.tables import CreatedAt, Identified, PluginBase

SCHEMA: Final = "tally"


class Base(PluginBase, DeclarativeBase, schema=SCHEMA):
    """The tables of this plugin."""


class Entry(Base, Identified, CreatedAt):
    """What a request wrote."""

    __tablename__ = "entries"

    label: Mapped[str]


class Effect(Base, Identified, CreatedAt):
    """What a job wrote."""

    __tablename__ = "effects"

    subject: Mapped[UUID]
