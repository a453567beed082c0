"""The insurance part of the plugin's settings: `[plugins.verification.insurance]`."""

import msgspec

from plugins.verification.insurance.rules.review import Authority


class InsuranceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How claims are worked on.

    Attributes:
        authority: the highest amount that a reviewer and a supervisor may approve.
        expiry_recipient: address that hears of credentials about to expire; empty, nobody does.
        message_domain: right-hand side of the Message-ID of notifications; a domain of yours.
    """

    authority: Authority = Authority()
    expiry_recipient: str = ""
    message_domain: str = "notifications.invalid"
