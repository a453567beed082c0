"""Throws bombs at a server, ten at once, while another client asks on: `python -m tests.bench.bombing PORT KEY`.

Prints how the other client fared and what was answered, as one line of JSON.
"""

import asyncio
import json
import sys

from tests.faults.kit.bombs import bombs, honest, thrown

AT_ONCE = 10


async def main(port: int, key: str) -> None:
    over, wrong = asyncio.Event(), []
    others = asyncio.create_task(honest(port, over))
    for name, bomb in bombs(key).items():
        answers = await asyncio.gather(*(thrown(port, bomb) for _ in range(AT_ONCE)))
        if not {answer.status if answer else None for answer in answers} <= bomb.statuses:
            wrong.append(name)
    over.set()
    took = sorted(await others)
    print(json.dumps({"p50": took[len(took) // 2], "p99": took[int(len(took) * 0.99)], "wrong": wrong}))


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
