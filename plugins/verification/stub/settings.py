"""The stub control plane's part of the plugin's settings: `[plugins.verification.stub]`."""

from typing import Annotated, Self

import msgspec


class StubSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What testers may do to the answers of this plugin.

    Attributes:
        enabled: whether there is a control plane at all: its routes, the rules that overlay answers, the journal. By
            default it is there except in production, which refuses it.
        controls: whether requests may ask for delays, faults and documented answers by headers of their own.
        journal: whether the requests to the three groups are kept for a while, to be searched.
        max_rules: how many rules there may be at once.
        max_rules_bytes: how many bytes of JSON their definitions may have together. Every process keeps the rules in
            memory, several times as large.
        max_instances: for how many keys a scenario may be in a state of its own.
        journal_max_rows: how many requests the journal keeps, the newest.
        journal_max_age: seconds that the journal keeps a request.
    """

    enabled: bool | None = None
    controls: bool = True
    journal: bool = True
    max_rules: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 2_000
    max_rules_bytes: Annotated[int, msgspec.Meta(ge=65_536, le=1_073_741_824)] = 16_777_216
    max_instances: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    journal_max_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    journal_max_age: Annotated[float, msgspec.Meta(gt=0, le=31_536_000)] = 604_800.0

    def in_profile(self, profile: str) -> Self:
        """Return these settings with `enabled` decided."""
        if self.enabled is not None:
            return self
        return msgspec.structs.replace(self, enabled=profile != "production")
