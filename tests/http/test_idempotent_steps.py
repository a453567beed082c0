"""Work in steps under an Idempotency-Key: what was cut off is resumed by its reference, and a twin is kept out."""

from typing import Any

import msgspec
import pytest
from litestar import post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody

from core.clock import new_id
from core.http.idempotent_steps import IdempotentSteps
from core.http.problem_types import UNPROCESSABLE
from core.http.problems import Problem
from core.unit_of_work import UnitOfWorkFactory
from ports.errors import Unavailable
from tests.http.principals import As

ALICE = {"Idempotency-Key": "k-1", "X-As": "alice"}


class Note(msgspec.Struct, forbid_unknown_fields=True):
    note: str


class Steps:
    """A use case of two steps whose port fails as often as it is told to."""

    def __init__(self) -> None:
        self.references: list[str] = []
        self.failures: list[Exception] = []


@post("/api/v1/payments")
async def pay(
    data: JSONBody[Note],
    units: NamedDependency[UnitOfWorkFactory],
    steps: NamedDependency[IdempotentSteps],
    port: NamedDependency[Steps],
) -> dict[str, str]:
    reference = str(new_id())
    async with units() as uow:
        reference = await steps.begin(uow, reference) or reference
    port.references.append(reference)
    if port.failures:
        raise port.failures.pop()
    return {"reference": reference}


@pytest.fixture
def port() -> Steps:
    return Steps()


@pytest.fixture
async def stepwise(build_app: Any, client_of: Any, units: UnitOfWorkFactory, port: Steps) -> Any:
    app = build_app(
        pay, units=units, middleware=[As], dependencies={"port": Provide(lambda: port, sync_to_thread=False)}
    )
    async with client_of(app) as client:
        yield client


async def test_steps_that_were_cut_off_are_resumed_by_their_reference(stepwise: Any, port: Steps) -> None:
    port.failures = [Unavailable("away")]
    failed = await stepwise.post("/api/v1/payments", json={"note": "a"}, headers=ALICE)
    done = await stepwise.post("/api/v1/payments", json={"note": "a"}, headers=ALICE)
    again = await stepwise.post("/api/v1/payments", json={"note": "a"}, headers=ALICE)
    assert (failed.status_code, done.status_code) == (503, 201)
    assert len(port.references) == 2
    assert len(set(port.references)) == 1
    assert again.content == done.content
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_steps_under_way_keep_a_twin_out(stepwise: Any, port: Steps, units: UnitOfWorkFactory) -> None:
    port.failures = [Unavailable("away")]
    await stepwise.post("/api/v1/payments", json={"note": "a"}, headers=ALICE)
    async with units() as uow:
        extend = "UPDATE core.idempotency_keys SET locked_until = now() + interval '1 minute'"
        await (await uow.connection()).execute(extend)
    twin = await stepwise.post("/api/v1/payments", json={"note": "a"}, headers=ALICE)
    assert twin.json()["code"] == "idempotency_in_progress"


async def test_a_refusal_between_steps_is_kept(stepwise: Any, port: Steps) -> None:
    port.failures = [Problem(UNPROCESSABLE, "declined")]
    first = await stepwise.post("/api/v1/payments", json={"note": "a"}, headers=ALICE)
    again = await stepwise.post("/api/v1/payments", json={"note": "a"}, headers=ALICE)
    assert first.status_code == 422
    assert again.content == first.content
    assert len(port.references) == 1


async def test_steps_without_a_key_just_run(stepwise: Any, port: Steps) -> None:
    for _ in range(2):
        assert (await stepwise.post("/api/v1/payments", json={"note": "a"})).status_code == 201
    assert len(set(port.references)) == 2
