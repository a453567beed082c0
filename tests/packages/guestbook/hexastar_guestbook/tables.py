"""The guest book's table."""

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.tables import CreatedAt, Identified, PluginBase


class Base(PluginBase, DeclarativeBase, schema="guestbook"):
    """The tables of this plugin."""


class Entry(Base, Identified, CreatedAt):
    """One signature."""

    __tablename__ = "entries"

    name: Mapped[str] = mapped_column()
    message: Mapped[str] = mapped_column()
