"""What is answered about the settings."""

from collections.abc import Sequence

import msgspec

from plugins.verification.stub.rules.delays import Delay
from plugins.verification.stub.rules.faults import FaultName


class SettingsOut(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force."""

    delay: Delay | None
    fault_probability: float
    faults: Sequence[FaultName]
    random_seed: int | None
