"""The page on which an operator has many dead jobs tried again: what is dead, what would be done, what was done."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Self

import msgspec
import structlog

from core.http.console.selection import Selection
from core.http.problem_types import BAD_REQUEST, JOB_KEY_TAKEN
from core.http.problems import Problem
from core.injection import Services
from core.jobs.admin import KeyTakenError
from core.jobs.dead import AT_ONCE, DeadJobs, DeadOfName

FIELDS: Final = frozenset({"name", "plugin", "all"})

_NAME: Final = re.compile(r"[a-z][a-z0-9_.]{0,199}", re.ASCII)

logger: Any = structlog.get_logger(__name__)


class Choice(msgspec.Struct, frozen=True):
    """Which dead jobs a form asks to retry: of one name, of one plugin, or all."""

    name: str | None = None
    plugin: str | None = None

    @classmethod
    def of(cls, form: Iterable[tuple[str, object]]) -> Self:
        """Return what a form chooses. It must choose: nobody retries everything by a misspelt field.

        Raises:
            Problem: 400.
        """
        pairs = list(form)
        fields = dict(pairs)
        everything = fields.pop("all", None)
        well_formed = all(isinstance(value, str) and _NAME.fullmatch(value) for value in fields.values())
        if len(pairs) != len({key for key, _ in pairs} & FIELDS) or not well_formed or bool(fields) == bool(everything):
            raise Problem(BAD_REQUEST, "Say which jobs: one name, one plugin, or all.")
        return cls(**fields)  # type: ignore[arg-type]  # checked just above


class Outcome(msgspec.Struct, frozen=True):
    """What a click did."""

    choice: Choice
    queued: int


class RetryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the page; `total` of the jobs are dead, and for `held` of them another job holds the unique key."""

    plugin: str | None
    names: Sequence[DeadOfName]
    total: int
    held: int
    at_once: int
    outcome: Outcome | None
    back: str


async def retry_page(services: Services, plugin: str | None, outcome: Outcome | None = None) -> RetryPage:
    """Return what is dead now."""
    names = await DeadJobs(services.storage).counts(plugin=plugin)
    return RetryPage(
        plugin=plugin,
        names=names,
        total=sum(one.count for one in names),
        held=sum(one.held for one in names),
        at_once=AT_ONCE,
        outcome=outcome,
        back=f"/{Selection(state='dead', plugin=plugin).query()}#jobs",
    )


async def retry_chosen(services: Services, choice: Choice) -> Outcome:
    """Queue the chosen dead jobs again, as many as one click may, and leave a record of it.

    Raises:
        Problem: 409 where others keep taking the jobs' unique keys.
    """
    try:
        queued = await DeadJobs(services.storage, services.bell).retry(plugin=choice.plugin, name=choice.name)
    except KeyTakenError:
        raise Problem(JOB_KEY_TAKEN) from None
    logger.info("dead jobs queued again by hand", count=queued, of_name=choice.name, of_plugin=choice.plugin)
    return Outcome(choice, queued)
