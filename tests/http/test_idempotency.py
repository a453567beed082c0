"""A request that is sent again under its Idempotency-Key is answered again, not done again."""

import asyncio
from typing import Any

import msgspec
import pytest
from litestar import Response, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody
from sqlalchemy import text

from core.clock import SystemClock, new_id
from core.http.idempotency import prune_idempotency_keys
from core.http.problem_types import BAD_REQUEST, FORBIDDEN, RATE_LIMITED
from core.http.problems import Problem, ProblemType
from core.jobs.declare import Tick
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from ports.errors import Unavailable
from tests.http.principals import As

OUT_OF_STOCK = ProblemType("out_of_stock", 409, "Out of stock")


class Note(msgspec.Struct, forbid_unknown_fields=True):
    note: str


async def write(uow: UnitOfWork, note: str) -> None:
    await (await uow.connection()).execute("INSERT INTO public.effects (note) VALUES ($1)", note)


async def effects(units: UnitOfWorkFactory) -> int:
    async with units() as uow:
        return await (await uow.connection()).fetchval("SELECT count(*) FROM public.effects")


async def kept(units: UnitOfWorkFactory) -> int:
    async with units() as uow:
        return await (await uow.connection()).fetchval("SELECT count(*) FROM core.idempotency_keys")


@post("/api/v1/notes")
async def add_note(data: JSONBody[Note], uow: NamedDependency[UnitOfWork]) -> dict[str, str]:
    id_ = str(new_id())
    await write(uow, f"{data.note}-{id_}")
    await asyncio.sleep(0)
    return {"id": id_}


@post("/api/v1/session-notes")
async def add_through_session(data: JSONBody[Note], uow: NamedDependency[UnitOfWork]) -> Response[dict[str, str]]:
    id_ = str(new_id())
    await uow.session.execute(text("INSERT INTO public.effects (note) VALUES (:note)"), {"note": id_})
    return Response({"id": id_}, status_code=202, headers={"Location": f"/notes/{id_}"})


@post("/api/v1/shelves/{shelf:str}/notes")
async def shelve(
    shelf: FromPath[str], data: JSONBody[Note], uow: NamedDependency[UnitOfWork], colour: FromQuery[str] = ""
) -> dict[str, str]:
    await write(uow, f"{shelf}-{colour}-{data.note}")
    return {"shelf": shelf}


@post("/api/v1/pure")
async def untouched(data: JSONBody[Note], uow: NamedDependency[UnitOfWork]) -> dict[str, str]:
    return {"id": str(new_id())}


@post("/api/v1/refusals")
async def refuse(data: JSONBody[Note], uow: NamedDependency[UnitOfWork]) -> None:
    await write(uow, str(new_id()))
    raise Problem(OUT_OF_STOCK, f"refused {new_id()}")


REFUSALS = {str(kind.status): kind for kind in (BAD_REQUEST, FORBIDDEN, RATE_LIMITED)}


@post("/api/v1/momentary")
async def refuse_for_now(data: JSONBody[Note], uow: NamedDependency[UnitOfWork]) -> None:
    await write(uow, str(new_id()))
    raise Problem(REFUSALS[data.note])


@post("/api/v1/faults")
async def fail(data: JSONBody[Note], uow: NamedDependency[UnitOfWork]) -> None:
    await write(uow, str(new_id()))
    raise Unavailable("away")


@post("/api/v1/credentials", idempotency="none")
async def credential(uow: NamedDependency[UnitOfWork]) -> dict[str, str]:
    return {"token": str(new_id())}


@post("/api/v1/uploads")
async def upload(data: MultipartBody[list[UploadFile]], uow: NamedDependency[UnitOfWork]) -> dict[str, str]:
    return {"id": str(new_id()), "read": (await data[0].read()).decode()}


@pytest.fixture
async def client(build_app: Any, client_of: Any, units: UnitOfWorkFactory) -> Any:
    handlers = [add_note, add_through_session, shelve, untouched, refuse, refuse_for_now, fail, credential, upload]
    app = build_app(*handlers, units=units, kinds=(OUT_OF_STOCK,), middleware=[As])
    async with client_of(app) as client:
        yield client


ALICE = {"Idempotency-Key": "k-1", "X-As": "alice"}


@pytest.mark.parametrize("path", ["/api/v1/notes", "/api/v1/session-notes", "/api/v1/pure"])
async def test_the_same_bytes_are_replayed(client: Any, units: UnitOfWorkFactory, path: str) -> None:
    first = await client.post(path, json={"note": "a"}, headers=ALICE)
    again = await client.post(path, json={"note": "a"}, headers=ALICE)
    assert first.is_success
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers.get("Location") == first.headers.get("Location")
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert await effects(units) == (0 if path.endswith("pure") else 1)


async def test_a_hundred_at_once_have_one_effect(client: Any, units: UnitOfWorkFactory) -> None:
    answers = await asyncio.gather(
        *(client.post("/api/v1/notes", json={"note": "a"}, headers=ALICE) for _ in range(100))
    )
    done = [answer for answer in answers if answer.status_code == 201]
    busy = [answer for answer in answers if answer.status_code == 409]
    assert len(done) + len(busy) == 100
    assert len({answer.content for answer in done}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in done) == 1
    assert all(answer.json()["code"] == "idempotency_in_progress" for answer in busy)
    assert all(answer.headers["Retry-After"] == "1" for answer in busy)
    assert await effects(units) == 1


async def test_another_body_under_the_key_is_refused(client: Any, units: UnitOfWorkFactory) -> None:
    await client.post("/api/v1/notes", json={"note": "a"}, headers=ALICE)
    other = await client.post("/api/v1/notes", json={"note": "b"}, headers=ALICE)
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    assert await effects(units) == 1


@pytest.mark.parametrize("target", ["/api/v1/shelves/b/notes?colour=red", "/api/v1/shelves/a/notes?colour=blue"])
async def test_another_path_or_query_under_the_key_is_refused(
    client: Any, units: UnitOfWorkFactory, target: str
) -> None:
    await client.post("/api/v1/shelves/a/notes?colour=red", json={"note": "a"}, headers=ALICE)
    other = await client.post(target, json={"note": "a"}, headers=ALICE)
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    assert await effects(units) == 1


async def test_keys_belong_to_a_principal_and_a_route(client: Any, units: UnitOfWorkFactory) -> None:
    bodies = {
        (await client.post("/api/v1/notes", json={"note": "a"}, headers=ALICE)).content,
        (await client.post("/api/v1/notes", json={"note": "a"}, headers={**ALICE, "X-As": "bob"})).content,
        (await client.post("/api/v1/notes", json={"note": "a"}, headers={**ALICE, "X-As": "service:alice"})).content,
        (await client.post("/api/v1/session-notes", json={"note": "a"}, headers=ALICE)).content,
    }
    assert len(bodies) == 4
    assert await effects(units) == 4


async def test_anonymous_requests_share_a_key_only_with_the_same_body(client: Any) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await client.post("/api/v1/notes", json={"note": "a"}, headers=headers)
    other = await client.post("/api/v1/notes", json={"note": "b"}, headers=headers)
    again = await client.post("/api/v1/notes", json={"note": "a"}, headers=headers)
    assert other.status_code == 201
    assert other.content != first.content
    assert again.content == first.content


async def test_a_rules_verdict_is_kept_and_its_work_is_not(client: Any, units: UnitOfWorkFactory) -> None:
    first = await client.post("/api/v1/refusals", json={"note": "a"}, headers=ALICE)
    again = await client.post("/api/v1/refusals", json={"note": "a"}, headers=ALICE)
    assert first.status_code == 409
    assert first.json()["code"] == "out_of_stock"
    assert again.content == first.content
    assert again.headers["Content-Type"] == "application/problem+json"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await effects(units) == 0


async def test_a_failure_leaves_nothing_and_may_be_tried_again(client: Any, units: UnitOfWorkFactory) -> None:
    for _ in range(2):
        answer = await client.post("/api/v1/faults", json={"note": "a"}, headers=ALICE)
        assert answer.status_code == 503
        assert "Idempotent-Replayed" not in answer.headers
    assert (await effects(units), await kept(units)) == (0, 0)


async def test_a_fault_of_form_is_not_kept(client: Any, units: UnitOfWorkFactory) -> None:
    wrong = await client.post("/api/v1/notes", json={"note": 1}, headers=ALICE)
    right = await client.post("/api/v1/notes", json={"note": "a"}, headers=ALICE)
    assert (wrong.status_code, right.status_code) == (400, 201)


@pytest.mark.parametrize("status", REFUSALS)
async def test_a_refusal_for_the_form_the_right_or_the_moment_is_not_kept(
    client: Any, units: UnitOfWorkFactory, status: str
) -> None:
    answer = await client.post("/api/v1/momentary", json={"note": status}, headers=ALICE)
    assert answer.status_code == int(status)
    assert await kept(units) == 0


async def test_an_answer_with_a_credential_is_never_kept(client: Any, units: UnitOfWorkFactory) -> None:
    first = await client.post("/api/v1/credentials", headers=ALICE)
    again = await client.post("/api/v1/credentials", headers=ALICE)
    assert first.content != again.content
    assert await kept(units) == 0


async def test_a_form_is_the_same_under_another_boundary(client: Any) -> None:
    first = await client.post("/api/v1/uploads", files={"f": ("a.txt", b"x")}, headers=ALICE)
    again = await client.post("/api/v1/uploads", files={"f": ("a.txt", b"x")}, headers=ALICE)
    other = await client.post("/api/v1/uploads", files={"f": ("a.txt", b"y")}, headers=ALICE)
    assert first.json()["read"] == "x"
    assert again.content == first.content
    assert other.status_code == 422


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "schlüssel".encode()])
async def test_a_key_that_is_no_key_is_refused(client: Any, key: Any) -> None:
    answer = await client.post("/api/v1/notes", json={"note": "a"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_idempotency_key"


async def test_two_keys_are_refused(client: Any) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await client.post("/api/v1/notes", json={"note": "a"}, headers=headers)
    assert answer.json()["code"] == "invalid_idempotency_key"


async def test_an_expired_key_is_free_again_before_it_is_pruned(client: Any, units: UnitOfWorkFactory) -> None:
    await client.post("/api/v1/notes", json={"note": "a"}, headers=ALICE)
    async with units() as uow:
        await (await uow.connection()).execute("UPDATE core.idempotency_keys SET expires_at = now()")
    fresh = await client.post("/api/v1/notes", json={"note": "b"}, headers=ALICE)
    again = await client.post("/api/v1/notes", json={"note": "b"}, headers=ALICE)
    assert fresh.status_code == 201
    assert again.content == fresh.content
    assert await effects(units) == 2


async def test_expired_keys_are_pruned(client: Any, units: UnitOfWorkFactory) -> None:
    await client.post("/api/v1/pure", json={"note": "a"}, headers=ALICE)
    await client.post("/api/v1/pure", json={"note": "a"}, headers={**ALICE, "X-As": "bob"})
    async with units() as uow:
        oldest = "(SELECT min(created_at) FROM core.idempotency_keys)"
        expire = f"UPDATE core.idempotency_keys SET expires_at = now() WHERE created_at = {oldest}"
        await (await uow.connection()).execute(expire)
    async with units() as uow:
        await prune_idempotency_keys(Tick(SystemClock().now()), uow=uow)
    assert await kept(units) == 1
