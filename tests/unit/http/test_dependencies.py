"""Dependencies are awaited in turn, each after those that it needs."""

import asyncio

import httpx
from litestar import Litestar, get
from litestar.di import NamedDependency, Provide

from core.http.dependencies import Service, hand_out_services


async def test_each_dependency_runs_in_the_requests_own_task_after_those_that_it_needs() -> None:
    tasks: set[asyncio.Task[object] | None] = set()

    async def first() -> str:
        tasks.add(asyncio.current_task())
        return "a"

    async def second() -> str:
        tasks.add(asyncio.current_task())
        return "b"

    async def both(first: NamedDependency[str], second: NamedDependency[str]) -> str:
        tasks.add(asyncio.current_task())
        return first + second

    @get("/")
    async def handler(both: NamedDependency[str], first: NamedDependency[str]) -> str:
        tasks.add(asyncio.current_task())
        return both + first

    providers = {"first": Provide(first), "second": Provide(second), "both": Provide(both)}
    app = Litestar([handler], dependencies=providers, logging_config=None)

    hand_out_services(app)

    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type] # two spellings of ASGI
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        answer = await client.get("/")
    assert answer.text == "aba"
    assert len(tasks) == 1


async def test_services_are_among_the_values_before_anything_is_awaited() -> None:
    async def greeting(name: NamedDependency[str], place: NamedDependency[str]) -> str:
        return f"{name} at {place}"

    @get("/here")
    async def handler(greeting: NamedDependency[str], name: NamedDependency[str]) -> str:
        return f"{greeting}, {name}"

    providers = {
        "name": Service(lambda _connection: "Ada"),
        "place": Service(lambda connection: connection.scope["path"]),
        "greeting": Provide(greeting),
    }
    app = Litestar([handler], dependencies=providers, logging_config=None)

    hand_out_services(app)

    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type] # two spellings of ASGI
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        assert (await client.get("/here")).text == "Ada at /here, Ada"
