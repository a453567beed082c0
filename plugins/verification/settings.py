"""The plugin's section of plugins.toml."""

from collections.abc import Iterator

import msgspec

from plugins.verification.doctors.rules.policy import Policy
from plugins.verification.insurance.settings import InsuranceSettings


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Section `[plugins.verification]`.

    Attributes:
        open_reads: whether anybody may read without a credential, as a stub server for tests is used; otherwise reads
            need the scope `verification:read`. Do not open a deployment that holds real people's data.
        doctors: the thresholds of primary source verification.
        insurance: how claims are worked on.
    """

    open_reads: bool = True
    doctors: Policy = Policy()
    insurance: InsuranceSettings = InsuranceSettings()

    def unsafe(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that production refuses, each with the reason."""
        if self.open_reads:
            yield "open_reads", "anybody could read people's records; set it to false"
