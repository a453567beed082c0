"""A request's unit commits after the answer was made and before it is sent."""

from typing import Any

import httpx
import pytest
from litestar import post
from litestar.di import NamedDependency, Provide

from core.http.problem_types import CONFLICT
from core.http.problems import Problem
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory

INSERT = "INSERT INTO public.effects (note) VALUES ($1)"


@post("/api/v1/good")
async def good(uow: NamedDependency[UnitOfWork]) -> str:
    await (await uow.connection()).execute(INSERT, "good")
    return "done"


@post("/api/v1/refused")
async def refused(uow: NamedDependency[UnitOfWork]) -> str:
    await (await uow.connection()).execute(INSERT, "refused")
    raise Problem(CONFLICT)


@post("/api/v1/broken")
async def broken(uow: NamedDependency[UnitOfWork]) -> Any:
    await (await uow.connection()).execute(INSERT, "broken")
    return object()


@post("/api/v1/late")
async def late(uow: NamedDependency[UnitOfWork]) -> str:
    """Fail at the commit: the constraint is checked there."""
    connection = await uow.connection()
    await connection.execute("CREATE TABLE public.late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    await connection.execute("INSERT INTO public.late VALUES (1), (1)")
    await connection.execute(INSERT, "late")
    return "done"


async def provide_other() -> Any:
    yield "other"


@post("/api/v1/two-generators", dependencies={"other": Provide(provide_other)})
async def two_generators(uow: NamedDependency[UnitOfWork], other: NamedDependency[str]) -> str:
    await (await uow.connection()).execute(INSERT, other)
    return other


@pytest.fixture
async def client(build_app: Any, client_of: Any, units: UnitOfWorkFactory) -> Any:
    async with client_of(build_app(good, refused, broken, late, two_generators, units=units)) as client:
        yield client


async def notes(units: UnitOfWorkFactory) -> list[str]:
    async with units() as uow:
        return [row[0] for row in await (await uow.connection()).fetch("SELECT note FROM public.effects")]


@pytest.mark.parametrize(
    ("path", "status", "written"),
    [("good", 201, ["good"]), ("refused", 409, []), ("broken", 500, []), ("late", 500, [])],
)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
async def test_the_answer_tells_what_was_committed(
    client: httpx.AsyncClient, units: UnitOfWorkFactory, path: str, status: int, written: list[str], headers: Any
) -> None:
    answer = await client.post(f"/api/v1/{path}", headers=headers)
    assert answer.status_code == status
    assert await notes(units) == written


async def test_a_replay_finds_its_way_out_beside_another_generator(client: httpx.AsyncClient) -> None:
    answers = [await client.post("/api/v1/two-generators", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert "Idempotent-Replayed" in answers[1].headers
