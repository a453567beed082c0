"""The query parameters that every question about a day shares."""

from datetime import date
from typing import Annotated

from litestar.params import QueryParameter

AsOf = Annotated[date | None, QueryParameter(description="The day asked about; today (UTC) where absent.")]
AllowFuture = Annotated[bool, QueryParameter(description="Let `as_of` be later than tomorrow.")]
WantsReceipt = Annotated[bool, QueryParameter(description="Record this answer and sign it, as a decision is.")]
