"""The declarative base of this plugin's tables."""

from sqlalchemy.orm import DeclarativeBase

from core.tables import PluginBase


class Base(PluginBase, DeclarativeBase, schema="verification"):
    """The tables of verification."""
