"""The plugin's section of plugins.toml."""

from collections.abc import Iterator
from typing import Self

import msgspec

from plugins.verification.doctors.rules.policy import Policy
from plugins.verification.insurance.settings import InsuranceSettings
from plugins.verification.stub.settings import StubSettings


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Section `[plugins.verification]`.

    Attributes:
        open_reads: whether anybody may read without a credential, as a stub server for tests is used; otherwise reads
            need the scope `verification:read`. Do not open a deployment that holds real people's data.
        doctors: the thresholds of primary source verification.
        insurance: how claims are worked on.
        stub: what testers may do to the answers.
    """

    open_reads: bool = True
    doctors: Policy = Policy()
    insurance: InsuranceSettings = InsuranceSettings()
    stub: StubSettings = StubSettings()

    def in_profile(self, profile: str) -> Self:
        """Return these settings with the defaults that depend on the profile."""
        return msgspec.structs.replace(self, stub=self.stub.in_profile(profile))

    def unsafe(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that production refuses, each with the reason."""
        if self.open_reads:
            yield "open_reads", "anybody could read people's records; set it to false"
        if self.stub.enabled:
            yield "stub.enabled", "whoever holds stub:admin could make up answers; leave it out"
