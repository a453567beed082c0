"""A probe sees which workers of a machine are at work, and is not deceived by what dead ones left."""

import asyncio
import multiprocessing
import os
import time

from core.liveness import FRESH, Sign, showing_life, signs_of_life
from core.testing.waiting import until


async def test_a_worker_is_seen_while_it_works_and_gone_after(tmp_path):
    folder = tmp_path / "workers"
    assert list(signs_of_life(folder)) == []
    async with showing_life(folder), showing_life(folder):
        signs = list(signs_of_life(folder))
        assert [sign.process for sign in signs] == [str(os.getpid())] * 2
        assert all(sign.is_fresh for sign in signs)
    assert list(folder.iterdir()) == []


async def test_one_whose_event_loop_stands_still_is_stuck(tmp_path):
    async with showing_life(tmp_path):
        (file,) = tmp_path.iterdir()
        file.write_text(str(time.monotonic() - FRESH - 1), encoding="ascii")
        (sign,) = signs_of_life(tmp_path)
        assert not sign.is_fresh
        assert Sign("1", FRESH).is_fresh


async def test_the_event_loop_renews_the_sign(tmp_path):
    async with showing_life(tmp_path, beat=0.01):
        (file,) = tmp_path.iterdir()
        first = file.read_text(encoding="ascii")
        await until(lambda: file.read_text(encoding="ascii") not in {first, ""}, 10)


def _die_at_work(folder):
    async def work():
        async with showing_life(folder):
            os._exit(9)

    asyncio.run(work())


def test_one_that_was_killed_is_not_seen_and_its_file_removed(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=_die_at_work, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert len(list(tmp_path.iterdir())) == 1
    assert list(signs_of_life(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


async def test_a_worker_that_cannot_show_itself_works_all_the_same(tmp_path, caplog):
    blocked = tmp_path / "workers"
    blocked.touch()
    async with showing_life(blocked):
        assert "no probe will see this worker" in caplog.text
