"""Those whose delays end together go on a few at a time, in their order; between them others have their turn."""

import asyncio
from itertools import pairwise

from plugins.verification.stub.service.turnstile import AT_ONCE, Turnstile


async def _passing(turnstile: Turnstile, number: int, passed: list[int]) -> None:
    await turnstile.passage()
    passed.append(number)


async def test_a_crowd_passes_in_its_order_a_few_in_each_turn_of_the_loop():
    turnstile, passed = Turnstile(), []
    crowd = [asyncio.create_task(_passing(turnstile, number, passed)) for number in range(20 * AT_ONCE)]
    counts = [0]
    while len(passed) < len(crowd):
        await asyncio.sleep(0)
        counts.append(len(passed))
    assert passed == list(range(len(crowd)))
    assert max(after - before for before, after in pairwise(counts)) <= AT_ONCE


async def test_who_comes_alone_does_not_wait():
    turnstile, passed = Turnstile(), []
    for number in range(3):
        alone = asyncio.create_task(_passing(turnstile, number, passed))
        await asyncio.sleep(0)
        assert alone.done()
        await asyncio.sleep(0)


async def test_who_is_cancelled_holds_up_nobody():
    turnstile, passed = Turnstile(), []
    crowd = [asyncio.create_task(_passing(turnstile, number, passed)) for number in range(3 * AT_ONCE)]
    await asyncio.sleep(0)
    for task in crowd[AT_ONCE : 2 * AT_ONCE]:
        task.cancel()
    done = await asyncio.wait_for(asyncio.gather(*crowd, return_exceptions=True), 5)
    assert passed == [*range(AT_ONCE), *range(2 * AT_ONCE, 3 * AT_ONCE)]
    assert sum(isinstance(one, asyncio.CancelledError) for one in done) == AT_ONCE
