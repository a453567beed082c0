"""The eight routes of insurance claims: four that register what insurers hold, four that work on claims."""

from typing import Annotated, Any, Final

from litestar import Response, Router, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED

from core.auth import Principal, scope
from core.clock import Clock, new_id
from core.http.idempotent_steps import IdempotentSteps
from core.http.injected import Injected
from core.http.openapi_links import Lead
from core.http.problem_types import UPSTREAM_REJECTED
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from plugins.verification.evidence.receipts import Signer
from plugins.verification.insurance import problems
from plugins.verification.insurance.schemas import enrichment as enrichments
from plugins.verification.insurance.schemas import notification as notifications
from plugins.verification.insurance.schemas import payout as payouts
from plugins.verification.insurance.schemas import review as reviews
from plugins.verification.insurance.service import enrichment, notification, payout, review
from plugins.verification.settings import Settings
from ports.mail import Mail

ADMIN: Final = scope("verification:admin")
WRITE: Final = scope("verification:write")
REGISTERED: Final = "$response.body#/id"

Strict = Annotated[bool, QueryParameter(description="Refuse doubtful and unlisted codes instead of warning of them.")]
Wait = Annotated[bool, QueryParameter(description="Try to send before answering.")]


@post(
    "/admin/medical-enrichment",
    access=ADMIN,
    summary="Register a claim's diagnosis",
    problems=(
        problems.DUPLICATE_CLAIM_REFERENCE,
        problems.INVALID_ICD_CODE,
        problems.UNKNOWN_ICD_CODE,
        problems.EMPTY_DIAGNOSIS,
    ),
    leads_to=(Lead("insurance_enrich", body={"enrichment_request_id": REGISTERED}),),
    description="Codes are answered in their normal form, with warnings about doubtful ones; `?strict=true` refuses "
    "those and such as the code list does not hold.",
)
async def register_enrichment(
    *,
    data: JSONBody[enrichments.EnrichmentRegistration],
    uow: Injected[UnitOfWork],
    clock: Injected[Clock],
    strict: Strict = False,
) -> enrichments.RegisteredEnrichment:
    """Register a diagnosis with the codes that its terms were given."""
    return await enrichment.register(uow, clock, data, strict=strict)


@post(
    "/admin/reviewer-request",
    access=ADMIN,
    summary="Register a claim for review",
    problems=(
        problems.DUPLICATE_CLAIM_REFERENCE,
        problems.INVALID_INITIAL_STATE,
        problems.CURRENCY_EXPONENT,
        problems.FOUR_EYES,
    ),
    leads_to=(Lead("insurance_act_on_review", body={"review_id": REGISTERED}),),
)
async def register_review(
    data: JSONBody[reviews.ReviewRegistration],
    uow: Injected[UnitOfWork],
    clock: Injected[Clock],
    principal: Injected[Principal],
) -> reviews.RegisteredReview:
    """Register a claim that is to be reviewed, submitted or already assigned."""
    return await review.register(uow, clock, principal, data)


@post(
    "/admin/payout-request",
    access=ADMIN,
    summary="Register a payout",
    problems=(
        problems.DUPLICATE_CLAIM_REFERENCE,
        problems.NEGATIVE_AMOUNT,
        problems.CURRENCY_EXPONENT,
        problems.COINSURANCE_OUT_OF_RANGE,
    ),
    leads_to=(Lead("insurance_process_payout", body={"payout_request_id": REGISTERED}),),
)
async def register_payout(
    data: JSONBody[payouts.PayoutRegistration], uow: Injected[UnitOfWork], clock: Injected[Clock]
) -> payouts.RegisteredPayout:
    """Register the figures that a payout will be computed from."""
    return await payout.register(uow, clock, data)


@post(
    "/admin/notification",
    access=ADMIN,
    summary="Register a notification",
    description="It is sent on request, or from `send_after` on by itself.",
    leads_to=(Lead("insurance_send_notification", body={"notification_id": REGISTERED}),),
)
async def register_notification(
    data: JSONBody[notifications.NotificationRegistration],
    uow: Injected[UnitOfWork],
    clock: Injected[Clock],
    settings: Injected[Settings],
) -> notifications.RegisteredNotification:
    """Register a mail."""
    return await notification.register(uow, clock, settings.insurance.message_domain, data, new_id())


@post(
    "/medical/enrich",
    access=WRITE,
    summary="Turn a diagnosis into ICD-10-CM codes",
    problems=(problems.AMBIGUOUS_REFERENCE, problems.REQUEST_NOT_FOUND, problems.EMPTY_DIAGNOSIS),
    description="Matches each clause by registered mapping, literal code, exact description, synonym and similarity, "
    "in this order. The same question has the same answer, byte for byte.",
    status_code=HTTP_200_OK,
)
async def enrich(
    data: JSONBody[enrichments.EnrichmentIn], uow: Injected[UnitOfWork], clock: Injected[Clock]
) -> enrichments.EnrichmentOut:
    """Answer the codes of a diagnosis."""
    return await enrichment.enrich(uow, clock, data)


@post(
    "/claims/review",
    access=WRITE,
    summary="Act on a claim's review",
    problems=problems.REVIEW_PROBLEMS,
    description="Takes one step of the workflow. The actor in the body is believed from `verification:admin` only; "
    "everybody else acts as themselves, in a role that they hold or as submitter of an own claim.",
    status_code=HTTP_200_OK,
)
async def act_on_review(
    data: JSONBody[reviews.ReviewActionIn],
    uow: Injected[UnitOfWork],
    clock: Injected[Clock],
    principal: Injected[Principal],
    signer: Injected[Signer | None],
    settings: Injected[Settings],
) -> reviews.ReviewActionOut:
    """Take one step of the review's workflow."""
    return await review.act(uow, clock, principal, signer, settings.insurance.authority, data)


@post(
    "/payout/process",
    access=WRITE,
    summary="Process a payout",
    problems=problems.PAYOUT_PROBLEMS,
    description="A registered payout is processed once and answers the same again. With `dry_run`, nothing is kept.",
    status_code=HTTP_200_OK,
)
async def process_payout(
    data: JSONBody[payouts.PayoutIn],
    uow: Injected[UnitOfWork],
    clock: Injected[Clock],
    principal: Injected[Principal],
    signer: Injected[Signer | None],
) -> payouts.PayoutOut:
    """Process a registered payout, or compute one."""
    return await payout.process(uow, clock, principal, signer, data)


@post(
    "/notification/send",
    access=WRITE,
    summary="Send a notification",
    problems=(*problems.SENDING_PROBLEMS, UPSTREAM_REJECTED),
    description="Queues a registered notification, or the one in the body. `?wait=true` tries to send it first.",
    status_code=HTTP_202_ACCEPTED,
    responses={HTTP_200_OK: ResponseSpec(notifications.NotificationOut, description="It has been sent.")},
)
async def send_notification(
    *,
    data: JSONBody[notifications.NotificationSendIn],
    units: Injected[UnitOfWorkFactory],
    steps: Injected[IdempotentSteps],
    mail: Injected[Mail],
    clock: Injected[Clock],
    settings: Injected[Settings],
    wait: Wait = False,
) -> Response[notifications.NotificationOut]:
    """Queue a mail; 202 while it is under way, 200 once it has been sent."""
    sender = notification.Sender(units, steps, mail, clock, settings.insurance.message_domain)
    answer = await sender.send(data, wait=wait)
    return Response(answer, status_code=HTTP_200_OK if answer.sent else HTTP_202_ACCEPTED)


def insurance_routes() -> Router:
    """Return the routes of insurance claims."""
    handlers: list[Any] = [
        register_enrichment,
        register_review,
        register_payout,
        register_notification,
        enrich,
        act_on_review,
        process_payout,
        send_notification,
    ]
    return Router(path="/api/v1/insurance", route_handlers=handlers, tags=["insurance"])
