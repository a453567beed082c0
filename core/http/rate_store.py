"""The store's side of rate limits: one statement grants tokens, so that processes cannot overtake one another."""

from datetime import datetime
from typing import Final

from sqlalchemy import BindParameter, ColumnElement, Float, Integer, bindparam, case, delete, extract, func, update
from sqlalchemy.dialects.postgresql import insert

from core.http.rate_accounts import SHARE, Grant, Want, share
from core.http.tables import rate_limits
from core.jobs.declare import Tick, job
from core.unit_of_work import UnitOfWork
from ports.storage import Command, Storage

_COLUMNS: Final = rate_limits.c


def _number(name: str) -> BindParameter[int]:
    return bindparam(name, type_=Integer)


_IS_OVER: Final = _COLUMNS.resets_at <= func.now()
_FIRST: Final = insert(rate_limits).values(
    key=bindparam("key"),
    used=_number("first_used"),
    granted=_number("first_granted"),
    resets_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, bindparam("per", type_=Float)),
)
_USED: Final = func.least(_number("limit"), _COLUMNS.used + _number("spent"))
_LEFT: Final[ColumnElement[int]] = _number("limit") - _USED
_SHARE: Final = func.least(_LEFT, func.greatest(_number("now"), func.least(_number("ahead"), _LEFT // SHARE)))
_TAKE: Final = Command(
    _FIRST.on_conflict_do_update(
        index_elements=[_COLUMNS.key],
        set_={
            "used": case((_IS_OVER, _number("fresh_used")), else_=_USED + _SHARE),
            "granted": case((_IS_OVER, _number("fresh_granted")), else_=_SHARE),
            "resets_at": case((_IS_OVER, _FIRST.excluded.resets_at), else_=_COLUMNS.resets_at),
        },
    ).returning(
        _COLUMNS.granted,
        _COLUMNS.used,
        extract("epoch", _COLUMNS.resets_at - func.clock_timestamp()).cast(Float).label("seconds"),
        _COLUMNS.resets_at.label("window"),
    ),
    into=Grant,
)
_GIVE_BACK: Final = Command(
    update(rate_limits)
    .where(_COLUMNS.key == bindparam("key"), _COLUMNS.resets_at == bindparam("window"))
    .values(used=func.greatest(0, _COLUMNS.used - _number("tokens")))
)
_PRUNE: Final = Command(delete(rate_limits).where(_IS_OVER))


async def take(storage: Storage, key: str, limit: int, per: int, want: Want) -> Grant:
    """Grant tokens of the window of `key`; a window that is over, or was never there, begins with this.

    Where the row is gone although the process knows of tokens granted in its window, the database has crashed and
    lost its unlogged tables: those tokens count on.

    Raises:
        PortError: the store is away; whether tokens were granted is then unknown, and they count as granted.
    """
    first, fresh = min(limit, want.known + want.spent), min(limit, want.spent)
    first_granted, fresh_granted = share(limit, first, want), share(limit, fresh, want)
    grant = await storage.fetch_one(
        _TAKE,
        key=key,
        per=float(per),
        limit=limit,
        now=want.now,
        ahead=want.ahead,
        spent=want.spent,
        first_used=first + first_granted,
        first_granted=first_granted,
        fresh_used=fresh + fresh_granted,
        fresh_granted=fresh_granted,
    )
    assert grant is not None, "the statement returns the row that it wrote"  # noqa: S101 - for the type checker
    return grant


async def give_back(storage: Storage, key: str, tokens: int, window: datetime) -> None:
    """Return tokens that were granted and not used, where their window still runs.

    Raises:
        PortError: the store is away.
    """
    await storage.execute(_GIVE_BACK, key=key, tokens=tokens, window=window)


@job("core.prune_rate_limits", cron="47 * * * *", timeout=60.0)
async def prune_rate_limits(_tick: Tick, uow: UnitOfWork) -> None:
    """Delete the counters whose window is over."""
    await uow.execute(_PRUNE)
