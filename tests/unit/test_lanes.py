"""A worker looks for more at once wherever the room of a lane, and not its backlog, was what limited a claim."""

import msgspec

from core.jobs.declare import job
from core.jobs.lanes import Lanes


class Nothing(msgspec.Struct):
    pass


@job("loud.work")
async def loud(payload: Nothing) -> None:
    del payload


@job("quiet.work")
async def quiet(payload: Nothing) -> None:
    del payload


def two_lanes() -> Lanes:
    return Lanes([loud, quiet], concurrency=4, plugin_share=0.75)


def test_a_lane_that_filled_its_room_may_have_more_even_if_its_jobs_ended_while_the_claim_was_under_way() -> None:
    lanes = two_lanes()
    lanes.enter("loud")
    rooms = lanes.rooms()
    lanes.leave("loud")
    taken = ["loud"] * rooms["loud"]
    for lane in taken:
        lanes.enter(lane)
    assert lanes.left_some(rooms, taken)


def test_a_lane_that_had_no_room_may_have_more() -> None:
    lanes = two_lanes()
    for _ in range(3):
        lanes.enter("loud")
    rooms = lanes.rooms()
    assert "loud" not in rooms
    assert lanes.left_some(rooms, [])


def test_lanes_that_took_less_than_their_room_have_nothing_more() -> None:
    lanes = two_lanes()
    assert not lanes.left_some(lanes.rooms(), ["loud", "loud", "quiet"])


def test_who_was_served_last_comes_last() -> None:
    lanes = two_lanes()
    assert list(lanes.rooms()) == ["loud", "quiet"]
    lanes.enter("loud")
    assert list(lanes.rooms()) == ["quiet", "loud"]
    assert list(lanes.rooms()) == ["quiet", "loud"]
    lanes.enter("quiet")
    assert list(lanes.rooms()) == ["loud", "quiet"]
