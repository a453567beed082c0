"""Whatever processes, clients and the store do: no window lets more through than its limit, nor wastes what is left."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.http.rate_accounts import LEASE, MOST_AHEAD, SHARE, Account, Grant, Want, share

PER = 10
"""Seconds. Times in these tests are sums of powers of two, so that floats hold them exactly."""
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Store:
    """What the store's statement does, in words of Python; `let_through` is what really happened, by window."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.ends: float | None = None
        self.is_away = False

    def take(self, want: Want, now: float) -> Grant:
        if self.ends is None:
            base, self.ends = min(self.limit, want.known + want.spent), now + PER
        elif self.ends <= now:
            base, self.ends = min(self.limit, want.spent), now + PER
        else:
            base = min(self.limit, self.used + want.spent)
        granted = share(self.limit, base, want)
        self.used = base + granted
        return Grant(granted, self.used, self.ends - now, EPOCH + timedelta(seconds=self.ends))

    def give_back(self, tokens: int, window: datetime) -> None:
        if self.ends is not None and window == EPOCH + timedelta(seconds=self.ends):
            self.used = max(0, self.used - tokens)

    def crash(self) -> None:
        self.ends = None


class Process:
    """One process: its account, and a monotonic clock of its own."""

    def __init__(self, store: Store, offset: float) -> None:
        self.store = store
        self.offset = offset
        self.account = Account(store.limit)

    def request(self, now: float, waiting: int = 1, delay: float = 0.0) -> float | None:
        """Let one request in at `now`; return when it passed by the store's clock, or None where it was refused."""
        here = now + self.offset
        if self.account.take(here):
            return now
        if self.account.is_used_up(here):
            return None
        if self.store.is_away:
            return now if self.account.take_alone(here, PER) else None
        grant = self.store.take(self.account.want(here, waiting), now + delay)
        self.account.receive(grant, here)
        return now + delay if self.account.take_granted(here + 2 * delay) else None

    def sweep(self, now: float) -> None:
        surplus = self.account.surplus(now + self.offset)
        if surplus is not None and not self.store.is_away:
            self.store.give_back(*surplus)

    def die(self) -> None:
        self.account = Account(self.store.limit)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["request"] * 6 + ["burst"] * 3 + ["sweep", "die"]),
        st.integers(0, 2),
        st.sampled_from([0.0, 0.0, 0.015625, 0.5, 1.125, 6.0]),
        st.sampled_from([0.0, 0.0, 0.0625]),
    ),
    max_size=120,
)


@given(st.sampled_from([1, 3, 20, 40, 200, 1000]), STEPS)
def test_no_window_lets_more_through_than_the_limit_whoever_dies_with_a_lease(limit: int, steps: list[Any]) -> None:
    store = Store(limit)
    processes = [Process(store, offset) for offset in (0.0, 1e6, -50.0)]
    passed: dict[float | None, int] = {}
    now = 0.0
    for action, which, pause, delay in steps:
        now += pause
        process = processes[which]
        for _ in range(40 if action == "burst" else int(action == "request")):
            moment = process.request(now, delay=delay)
            if moment is not None:
                window = store.ends
                assert window is not None
                assert window - PER <= moment < window
                passed[window] = passed.get(window, 0) + 1
            now += delay
        if action == "sweep":
            process.sweep(now)
        elif action == "die":
            process.die()
    assert all(count <= limit for count in passed.values())


@given(st.sampled_from([1, 3, 20, 40, 200, 1000]), STEPS)
def test_what_is_not_used_here_can_be_used_elsewhere(limit: int, steps: list[Any]) -> None:
    """Unless a process dies with a lease, exactly the limit passes in a window that is asked for more."""
    store = Store(limit)
    processes = [Process(store, offset) for offset in (0.0, 1e6, -50.0)]
    passed = 0
    for action, which, _, _ in steps:
        for _ in range(40 if action == "burst" else 1):
            passed += processes[which].request(0.0) is not None
    later = 1.01 * LEASE
    for process in processes:
        process.sweep(later)
    for _ in range(limit + 1):
        passed += processes[0].request(later, waiting=1) is not None
    assert passed == limit


@given(st.sampled_from([3, 20, 200]), STEPS, st.integers(1, 60))
def test_a_crash_of_the_store_forgives_nobody_whom_a_process_remembers(
    limit: int, steps: list[Any], crash_at: int
) -> None:
    store = Store(limit)
    process = Process(store, 0.0)
    passed = 0
    for number, (action, _, _, _) in enumerate(steps):
        if number == crash_at:
            store.crash()
        for _ in range(40 if action == "burst" else 1):
            passed += process.request(0.0) is not None
    assert passed <= limit


@given(st.sampled_from([3, 20, 200]), STEPS)
def test_while_the_store_is_away_each_process_holds_the_limit_and_tells_the_store_afterwards(
    limit: int, steps: list[Any]
) -> None:
    store = Store(limit)
    processes = [Process(store, 0.0), Process(store, 0.0)]
    before = [sum(process.request(0.0) is not None for _ in range(2)) for process in processes]
    store.is_away = True
    alone = [0, 0]
    for action, which, _, _ in steps:
        for _ in range(40 if action == "burst" else 1):
            alone[which % 2] += processes[which % 2].request(0.5) is not None
    assert all(count + own <= limit for count, own in zip(alone, before, strict=True))
    store.is_away = False
    after = sum(process.request(2.0) is not None for _ in range(limit + 1) for process in processes)
    assert after <= max(0, limit - sum(before) - min(alone))


def test_a_process_that_is_busy_asks_rarely_and_one_that_is_idle_holds_nothing() -> None:
    store = Store(1_000_000)
    process = Process(store, 0.0)
    asked = 0
    for number in range(10_000):
        now = number / 5_000
        asked += not process.account.tokens
        assert process.request(now) is not None
    assert asked < 10_000 / MOST_AHEAD + 20
    process.sweep(2.0 + LEASE)
    assert process.account.tokens == 0
    assert store.used == 10_000


def test_ahead_of_its_needs_a_process_gets_a_small_part_of_what_is_left() -> None:
    assert share(20, 0, Want(1, ahead=256)) == 1
    assert share(160, 0, Want(1, ahead=256)) == 160 // SHARE
    assert share(20, 0, Want(100)) == 20
    assert share(20, 25, Want(1)) == 0


def test_a_window_that_is_over_begins_anew() -> None:
    store = Store(2)
    process = Process(store, 0.0)
    assert [process.request(0.0) is not None for _ in range(3)] == [True, True, False]
    assert [process.request(PER) is not None for _ in range(3)] == [True, True, False]
    store.is_away = True
    assert [process.request(2.5 * PER) is not None for _ in range(3)] == [True, True, False]


def busy(process: Process, now: float, requests: int) -> None:
    """Let a process pass so many requests, after which it has leased some ahead."""
    for _ in range(requests):
        assert process.request(now) is not None
    assert process.account.tokens


def test_tokens_are_of_their_window_alone_and_the_window_ends_as_early_as_it_can_have() -> None:
    store = Store(10_000)
    process = Process(store, 0.0)
    busy(process, 0.0, 100)
    assert process.account.ends == PER
    assert not process.account.take(PER)
    assert process.account.want(PER, 1).known == 0
    late = Process(store, 0.0)
    late.request(2.0, delay=0.5)
    assert late.account.ends <= PER


def test_what_is_given_back_is_still_left_as_far_as_is_known_here() -> None:
    process = Process(Store(10_000), 0.0)
    busy(process, 0.0, 100)
    left = process.account.left
    process.sweep(1.5)
    assert process.account.left == left == 9_900
    assert process.account.tokens == 0


def test_who_was_refused_asks_again_for_what_others_have_given_back() -> None:
    store = Store(200)
    one, other = Process(store, 0.0), Process(store, 0.0)
    for _ in range(20):
        one.request(0.0)
    assert one.account.tokens
    while other.request(0.0) is not None:
        pass
    one.sweep(1.5)
    assert other.request(1.5) is not None
