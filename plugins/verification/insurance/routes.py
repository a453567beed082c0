"""The eight routes of insurance claims."""

from http import HTTPStatus
from typing import Annotated, Final

from litestar import Controller, Response, post
from litestar.params import JSONBody, QueryParameter

from core.auth import Principal, scope
from core.clock import Clock, new_id
from core.http.idempotent_steps import IdempotentSteps
from core.http.injected import Injected
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from plugins.verification.insurance.schemas.enrichment import (
    EnrichmentIn,
    EnrichmentOut,
    EnrichmentRegistration,
    RegisteredEnrichment,
)
from plugins.verification.insurance.schemas.notification import (
    NotificationOut,
    NotificationRegistration,
    NotificationSendIn,
    RegisteredNotification,
)
from plugins.verification.insurance.schemas.payout import PayoutIn, PayoutOut, PayoutRegistration, RegisteredPayout
from plugins.verification.insurance.schemas.review import (
    RegisteredReview,
    ReviewActionIn,
    ReviewActionOut,
    ReviewRegistration,
)
from plugins.verification.insurance.service import enrichment, notification, payout, review
from plugins.verification.settings import Settings
from ports.mail import Mail

TAGS: Final = ["Insurance claims"]

Strict = Annotated[bool, QueryParameter(description="Refuse doubtful and unlisted codes instead of warning of them.")]
Wait = Annotated[bool, QueryParameter(description="Try to send before answering.")]


class InsuranceAdminController(Controller):
    """Registers what the insurer's systems hold."""

    path = "/api/v1/insurance/admin"
    tags = TAGS
    opt = {"access": scope("verification:admin")}  # noqa: RUF012 - read by Litestar, never changed

    @post("/medical-enrichment", summary="Register a claim's diagnosis")
    async def register_enrichment(
        self,
        *,
        data: JSONBody[EnrichmentRegistration],
        uow: Injected[UnitOfWork],
        clock: Injected[Clock],
        strict: Strict = False,
    ) -> RegisteredEnrichment:
        """Register a diagnosis with the codes that its terms were given; codes are answered in their normal form."""
        return await enrichment.register(uow, clock, data, strict=strict)

    @post("/reviewer-request", summary="Register a claim for review")
    async def register_review(
        self,
        data: JSONBody[ReviewRegistration],
        uow: Injected[UnitOfWork],
        clock: Injected[Clock],
        principal: Injected[Principal],
    ) -> RegisteredReview:
        """Register a claim that is to be reviewed, submitted or already assigned."""
        return await review.register(uow, clock, principal, data)

    @post("/payout-request", summary="Register a payout")
    async def register_payout(
        self, data: JSONBody[PayoutRegistration], uow: Injected[UnitOfWork], clock: Injected[Clock]
    ) -> RegisteredPayout:
        """Register the figures that a payout will be computed from."""
        return await payout.register(uow, clock, data)

    @post("/notification", summary="Register a notification")
    async def register_notification(
        self,
        data: JSONBody[NotificationRegistration],
        uow: Injected[UnitOfWork],
        clock: Injected[Clock],
        settings: Injected[Settings],
    ) -> RegisteredNotification:
        """Register a mail that is sent on request, or from `send_after` on."""
        return await notification.register(uow, clock, settings.insurance.message_domain, data, new_id())


class InsuranceController(Controller):
    """Works on claims."""

    path = "/api/v1/insurance"
    tags = TAGS
    opt = {"access": scope("verification:write")}  # noqa: RUF012 - read by Litestar, never changed

    @post("/medical/enrich", summary="Turn a diagnosis into ICD-10-CM codes", status_code=HTTPStatus.OK)
    async def enrich(
        self, data: JSONBody[EnrichmentIn], uow: Injected[UnitOfWork], clock: Injected[Clock]
    ) -> EnrichmentOut:
        """Answer the codes of a diagnosis. The same question has the same answer, byte for byte."""
        return await enrichment.enrich(uow, clock, data)

    @post("/claims/review", summary="Act on a claim's review", status_code=HTTPStatus.OK)
    async def review(
        self,
        data: JSONBody[ReviewActionIn],
        uow: Injected[UnitOfWork],
        clock: Injected[Clock],
        principal: Injected[Principal],
        settings: Injected[Settings],
    ) -> ReviewActionOut:
        """Take one step of the review's workflow."""
        return await review.act(uow, clock, principal, settings.insurance.authority, data)

    @post("/payout/process", summary="Process a payout", status_code=HTTPStatus.OK)
    async def process_payout(
        self,
        data: JSONBody[PayoutIn],
        uow: Injected[UnitOfWork],
        clock: Injected[Clock],
        principal: Injected[Principal],
    ) -> PayoutOut:
        """Process a registered payout once, or compute one without keeping it (`dry_run`)."""
        return await payout.process(uow, clock, principal, data)

    @post("/notification/send", summary="Send a notification", status_code=HTTPStatus.ACCEPTED)
    async def send_notification(
        self,
        *,
        data: JSONBody[NotificationSendIn],
        units: Injected[UnitOfWorkFactory],
        steps: Injected[IdempotentSteps],
        mail: Injected[Mail],
        clock: Injected[Clock],
        settings: Injected[Settings],
        wait: Wait = False,
    ) -> Response[NotificationOut]:
        """Queue a mail; 202 while it is under way, 200 once it has been sent."""
        sender = notification.Sender(units, steps, mail, clock, settings.insurance.message_domain)
        answer = await sender.send(data, wait=wait)
        return Response(answer, status_code=HTTPStatus.OK if answer.sent else HTTPStatus.ACCEPTED)


ROUTES: Final = (InsuranceAdminController, InsuranceController)
