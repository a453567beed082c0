"""Caps are kept, and no lane is always served last."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from core.jobs.declare import Job, job
from core.jobs.lanes import Lanes


class Payload(msgspec.Struct):
    pass


async def work(payload: Payload) -> None: ...


def declared(name: str, cap: int | None = None) -> Job[Any]:
    return job(name, concurrency_cap=cap)(work)


JOBS = [declared("one.a"), declared("one.b"), declared("two.a"), declared("two.few", cap=2)]


def test_a_plugin_has_its_share_and_a_capped_job_its_cap() -> None:
    assert Lanes(JOBS, 20).rooms() == {"one": 15, "two": 15, "two.few": 2}
    assert Lanes(JOBS[:2], 20).rooms() == {"one": 20}
    assert Lanes(JOBS[:3], 1).rooms() == {"one": 1, "two": 1}
    assert Lanes([], 20).rooms() == {}


def test_each_lane_is_first_in_turn() -> None:
    lanes = Lanes(JOBS, 20)
    first = []
    for _ in range(6):
        first.append(next(iter(lanes.rooms())))
        lanes.enter(first[-1])
        lanes.leave(first[-1])
    assert first == ["one", "two", "two.few"] * 2


@given(st.lists(st.sampled_from(["one", "two", "two.few"]), max_size=60))
def test_room_is_the_cap_less_what_runs(entered: list[str]) -> None:
    lanes, caps = Lanes(JOBS, 20), {"one": 15, "two": 15, "two.few": 2}
    for lane in entered:
        lanes.enter(lane)
    assert lanes.rooms() == {lane: cap - entered.count(lane) for lane, cap in caps.items() if cap > entered.count(lane)}
    for lane in entered:
        lanes.leave(lane)
    assert lanes.rooms() == caps
