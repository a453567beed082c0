"""The plugin's section of plugins.toml."""

import msgspec

from plugins.verification.doctors.rules.policy import Policy


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Section `[plugins.verification]`.

    Attributes:
        open_reads: whether anybody may read without a credential, as a stub server for tests is used; otherwise reads
            need the scope `verification:read`. Do not open a deployment that holds real people's data.
        doctors: the thresholds of primary source verification.
    """

    open_reads: bool = True
    doctors: Policy = Policy()
