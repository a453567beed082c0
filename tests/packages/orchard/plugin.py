"""A plugin whose history grows while a test looks on: version N - 1 serves, and version N migrates."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler
from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.auth import PUBLIC
from core.clock import new_id
from core.hookspecs import hookimpl
from core.http.injected import Injected
from core.http.problem_types import NOT_FOUND
from core.http.problems import Problem
from core.manifest import PluginManifest
from core.tables import CreatedAt, Identified, PluginBase
from core.unit_of_work import UnitOfWork
from ports.storage import Command, Query, Storage


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[plugins.orchard]` section: where the revisions are that this version comes with."""

    revisions: str


class Base(PluginBase, DeclarativeBase, schema="orchard"):
    """The tables of this plugin."""


class Tree(Base, Identified, CreatedAt):
    """One tree."""

    __tablename__ = "trees"

    number: Mapped[int] = mapped_column()
    kind: Mapped[str] = mapped_column()


class TreeIn(msgspec.Struct, forbid_unknown_fields=True):
    """What is planted."""

    number: int
    kind: str


class Kind(msgspec.Struct):
    """What grows there."""

    kind: str


ADD = Command(insert(Tree).values(id=bindparam("id"), number=bindparam("number"), kind=bindparam("kind")))
ONE = Query(select(Tree.kind).where(Tree.number == bindparam("number")), into=Kind)

manifest = PluginManifest(
    name="orchard", version="1", summary="Trees that are planted and looked at", ports=("storage",), settings=Settings
)


@post("/api/v1/orchard/trees", access=PUBLIC)
async def plant(data: JSONBody[TreeIn], uow: Injected[UnitOfWork]) -> Kind:
    """Plant a tree."""
    await uow.execute(ADD, id=new_id(), number=data.number, kind=data.kind)
    return Kind(data.kind)


@get("/api/v1/orchard/trees/{number:int}", access=PUBLIC, problems=(NOT_FOUND,))
async def look(number: FromPath[int], storage: Injected[Storage]) -> Kind:
    """Look at a tree."""
    found = await storage.fetch_one(ONE, number=number)
    if found is None:
        raise Problem(NOT_FOUND, "No such tree.")
    return found


class Resting(msgspec.Struct):
    """How many rest now, in the process that answers."""

    resting: int


resting: set[object] = set()


@get("/api/v1/orchard/rest/{milliseconds:int}", access=PUBLIC)
async def rest(milliseconds: FromPath[int]) -> Resting:
    """Rest so long under a tree."""
    guest = object()
    resting.add(guest)
    try:
        await asyncio.sleep(milliseconds / 1000)
    finally:
        resting.remove(guest)
    return Resting(len(resting))


@get("/api/v1/orchard/resting", access=PUBLIC)
async def count_resting() -> Resting:
    """Count who rests."""
    return Resting(len(resting))


@hookimpl
def register_routes() -> Sequence[ControllerRouterHandler]:
    """Plant, look and rest."""
    return [plant, look, rest, count_resting]


@hookimpl
def register_tables() -> str:
    """One table."""
    return "orchard"


@hookimpl
def register_migrations(settings: Settings) -> Path:
    """Return the folder that the settings name."""
    return Path(settings.revisions)
