"""The bell in Redis."""

from collections.abc import Callable

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from core.jobs.bell import ANSWER_TIME, CHANNEL, CoalescingBell, Heard


class RedisBell(CoalescingBell):
    """PUBLISH and SUBSCRIBE of Redis. The server may lose everything or go away: nothing is kept there."""

    def __init__(self, address: str) -> None:
        super().__init__("the bell in Redis")
        self._redis = Redis.from_url(
            address, socket_connect_timeout=ANSWER_TIME, socket_keepalive=True, retry=Retry(NoBackoff(), 0)
        )

    async def _send(self) -> None:
        await self._redis.publish(CHANNEL, b"")

    async def _hear(self, heard: Heard, connected: Callable[[], None]) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(CHANNEL)
            connected()
            heard()
            while True:
                if await subscription.get_message(timeout=None) is not None:
                    heard()

    async def _disconnect(self) -> None:
        await self._redis.aclose()
