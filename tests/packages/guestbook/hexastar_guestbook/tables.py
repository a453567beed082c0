"""The guest book's table."""

from sqlalchemy.orm import Mapped, mapped_column

from core.tables import CreatedAt, plugin_base


class Entry(plugin_base("guestbook"), CreatedAt):
    """One signature."""

    __tablename__ = "entries"

    name: Mapped[str] = mapped_column()
    message: Mapped[str] = mapped_column()
