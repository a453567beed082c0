"""What a declaration says, and everything that can be wrong with one."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from core.jobs.declare import Job, Tick, job, subscriber
from core.jobs.faults import declaration_faults


class Payload(msgspec.Struct):
    number: int


async def work(payload: Payload, uow: object, clock: object) -> None: ...


async def ticking(payload: Tick) -> None: ...


def declared(name: str = "shop.work", function: Callable[..., Any] = work, **options: Any) -> Job[Any]:
    return job(name, **options)(function)


def test_a_job_knows_its_payload_its_parameters_and_its_plugin() -> None:
    one = declared()
    assert (one.plugin, one.payload_type, one.parameters) == ("shop", Payload, ("uow", "clock"))


async def test_calling_a_job_calls_its_function() -> None:
    seen = []

    @job("shop.see")
    async def see(payload: Payload, clock: str) -> None:
        seen.append((payload.number, clock))

    await see(Payload(3), clock="noon")
    assert seen == [(3, "noon")]


def test_jobs_share_their_plugins_lane_unless_they_have_a_cap_of_their_own() -> None:
    assert declared().lane == "shop"
    assert declared(concurrency_cap=2).lane == "shop.work"


@pytest.mark.parametrize(("backoff", "delays"), [((1, 2), [1, 2, 2, 2]), ((7,), [7, 7, 7, 7]), ((), [0, 0, 0, 0])])
def test_the_last_figure_of_the_backoff_repeats(backoff: tuple[float, ...], delays: list[float]) -> None:
    assert [declared(backoff=backoff).delay_after(attempt) for attempt in (1, 2, 3, 4)] == delays


def test_a_subscriber_is_a_job_with_an_event() -> None:
    one: Job[Any] = subscriber("identity.user_erased", name="shop.forget")(work)
    assert (one.name, one.event) == ("shop.forget", "identity.user_erased")


async def stepwise_with_uow(payload: Payload, uow: object) -> None: ...


async def without_struct(payload: int) -> None: ...


async def without_payload() -> None: ...


def not_a_coroutine(payload: Payload) -> None: ...


@pytest.mark.parametrize(
    ("one", "fault"),
    [
        (declared("store.work"), "the name must begin with 'shop.'"),
        (declared("shop"), "the name must begin with 'shop.'"),
        (declared("shop."), "the name must begin with 'shop.'"),
        (declared(timeout=0), "timeout must be more than 0 seconds"),
        (declared(attempts=0), "attempts must be at least 1"),
        (declared(backoff=(1, -1)), "backoff must not hold a negative delay"),
        (declared(priority=40_000), "priority must fit 16 bits"),
        (declared(unique="daily"), "unique must be 'until_done', 'for_ever' or None"),
        (declared(concurrency_cap=0), "concurrency_cap must be at least 1"),
        (declared(function=stepwise_with_uow, stepwise=True), "a stepwise job takes `units`, not `uow`"),
        (declared(function=without_struct), "its first parameter must be the payload"),
        (declared(function=without_payload), "its first parameter must be the payload"),
        (declared(function=not_a_coroutine), "it must be a coroutine function"),
        (declared(function=ticking, cron="61 * * * *"), "cron '61 * * * *' does not parse"),
        (declared(cron="* * * * *"), "a scheduled job's payload must be `Tick`"),
    ],
)
def test_each_fault_of_a_declaration_is_told(one: Job[Any], fault: str) -> None:
    faults = declaration_faults(one, "shop")
    assert len(faults) == 1
    assert faults[0].startswith(f"job '{one.name}': {fault}")


def test_all_faults_are_told_at_once_and_a_sound_job_has_none() -> None:
    assert len(declaration_faults(declared("x", timeout=-1, attempts=0), "shop")) == 3
    assert declaration_faults(declared(), "shop") == []
    assert declaration_faults(declared(function=ticking, cron="*/5 * * * *"), "shop") == []
