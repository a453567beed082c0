"""Tables: one MetaData for all plugins, and a declarative base for each.

    class Base(PluginBase, DeclarativeBase, schema="orders"):
        "The tables of this plugin."

    class Order(Base, Identified, Timestamped):
        __tablename__ = "orders"
        buyer_id: Mapped[UUID] = mapped_column(ForeignKey("identity.users.id"))

All share one MetaData, so that a foreign key to a table of a required plugin resolves by its name. Each base has its
own registry of classes, so that two plugins may both have a class `Job`. The tables work with advanced-alchemy's
repositories.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from advanced_alchemy.base import BasicAttributes
from sqlalchemy import ARRAY, DateTime, MetaData, Numeric, Table, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, registry
from sqlalchemy.types import TypeEngine

from core.clock import new_id

NAMING_CONVENTION: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints are part of a plugin's code: `violated_constraint` tells a service which rule was broken."""

metadata: Final = MetaData(naming_convention=NAMING_CONVENTION)

Money: Final = Numeric(14, 2)
"""Insurance sums. Other money is BIGINT minor units."""

Instant: Final = DateTime(timezone=True)

_TYPES: Final[dict[Any, TypeEngine[Any]]] = {
    str: Text(),
    UUID: Uuid(),
    datetime: Instant,
    Decimal: Money,
    dict[str, Any]: JSONB(),
    list[str]: ARRAY(Text()),
}


class PluginBase(BasicAttributes):
    """What a plugin's declarative base is made of, beside SQLAlchemy's `DeclarativeBase`.

    The class that names `schema` becomes a base: with a registry of its own, over the shared `metadata`, and all its
    tables in that Postgres schema. Each table class states its `__tablename__`.
    """

    __schema__: ClassVar[str]

    def __init_subclass__(cls, *, schema: str | None = None, **options: Any) -> None:
        if schema is not None:
            cls.__schema__ = schema
            cls.registry = registry(metadata=metadata, type_annotation_map=_TYPES)
        super().__init_subclass__(**options)

    registry: ClassVar[registry]

    @classmethod
    def __table_cls__(cls, *arguments: Any, **options: Any) -> Table:
        """Make a class's table in its plugin's schema, whatever its `__table_args__` say besides."""
        return Table(*arguments, **options, schema=cls.__schema__)


class Identified:
    """A primary key `id`: a UUIDv7 made here, so that it is known before the row is and in the order of creation."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-1)


class CreatedAt:
    """`created_at`: when the transaction that inserted the row began."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=1000)


class Timestamped(CreatedAt):
    """`created_at`, and `updated_at`: when a statement of ours last changed the row."""

    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=lambda: datetime.now(UTC), sort_order=1001
    )
