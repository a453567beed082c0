"""The insurance part of the plugin's settings: `[plugins.verification.insurance]`."""

import msgspec

from core.http.values import EmailAddress, InvalidValue
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

    def __post_init__(self) -> None:
        """Refuse what is no address at the start, and not when the first credential expires."""
        if self.expiry_recipient:
            try:
                EmailAddress.parse(self.expiry_recipient)
            except InvalidValue as error:
                raise ValueError(f"expiry_recipient: {error.message}") from None
