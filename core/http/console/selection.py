"""What a link to the console chooses; what it does not understand in a query it leaves aside."""

from collections.abc import Mapping
from typing import Any, Final, Self
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from core.jobs.tables import STATES

REFRESH_SECONDS: Final = 10


class Selection(msgspec.Struct, frozen=True):
    """Which jobs are listed, before which one the list begins, and whether the page refreshes itself."""

    state: str | None = None
    plugin: str | None = None
    before: UUID | None = None
    refresh: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> Self:
        """Return what `query` selects."""
        state, plugin = query.get("state"), query.get("plugin", "")
        return cls(
            state=state if state in STATES else None,
            plugin=plugin if plugin.isidentifier() else None,
            before=_identifier(query.get("before", "")),
            refresh=REFRESH_SECONDS if "refresh" in query else None,
        )

    def query(self, **changes: Any) -> str:
        """Return the page's query with these changes, `?state=dead`; `?` alone where nothing is selected."""
        chosen = {name: value for name, value in (msgspec.structs.asdict(self) | changes).items() if value}
        return f"?{urlencode(chosen)}"


def _identifier(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
