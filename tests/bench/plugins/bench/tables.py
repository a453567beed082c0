"""The table of notes."""

from typing import Final

from sqlalchemy.orm import DeclarativeBase, Mapped

from core.tables import CreatedAt, Identified, PluginBase

SCHEMA: Final = "bench"


class Base(PluginBase, DeclarativeBase, schema=SCHEMA):
    """The tables of this plugin."""


class Note(Base, Identified, CreatedAt):
    """A note."""

    __tablename__ = "notes"

    label: Mapped[str]
    number: Mapped[int]
