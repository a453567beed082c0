"""The kinds of problem that the insurance routes answer with, and how a rule's refusal becomes one of them."""

from http import HTTPStatus
from typing import Final

from core.http.problems import Fault, Problem, ProblemType
from plugins.verification.insurance.rules.refusals import Refused


def _rule(code: str, title: str, description: str = "") -> ProblemType:
    return ProblemType(code, HTTPStatus.UNPROCESSABLE_ENTITY, title, description)


def _conflict(code: str, title: str, description: str = "") -> ProblemType:
    return ProblemType(code, HTTPStatus.CONFLICT, title, description)


def _not_allowed(code: str, title: str, description: str = "") -> ProblemType:
    return ProblemType(code, HTTPStatus.FORBIDDEN, title, description)


AMBIGUOUS_REFERENCE: Final = ProblemType(
    "ambiguous_reference",
    HTTPStatus.BAD_REQUEST,
    "The body names its subject in no way, or in more than one",
    "Give exactly one of the ways that the route accepts: an id, a claim reference, or the data itself.",
)
REQUEST_NOT_FOUND: Final = ProblemType(
    "insurance_request_not_found",
    HTTPStatus.NOT_FOUND,
    "Nothing is registered under this id or claim reference",
)
DUPLICATE_CLAIM_REFERENCE: Final = _conflict(
    "duplicate_claim_reference", "This claim reference is registered here already"
)

INVALID_ICD_CODE: Final = _rule(
    "invalid_icd_code",
    "A code does not have the form of an ICD-10-CM code",
    "A letter, a digit, a digit or letter, and after a dot up to four characters: `E11.9`, `S02.11GA`.",
)
UNKNOWN_ICD_CODE: Final = _rule("unknown_icd_code", "The code list does not hold this ICD-10-CM code")
EMPTY_DIAGNOSIS: Final = _rule("empty_diagnosis", "The diagnosis holds no word to match")

INVALID_INITIAL_STATE: Final = _rule("invalid_initial_state", "A review cannot begin in this state")
ROLE_NOT_ALLOWED: Final = _not_allowed("role_not_allowed", "The action is not for this role")
FOUR_EYES: Final = _not_allowed(
    "four_eyes",
    "The same person may not do both",
    "Who submitted a claim neither works on nor decides it, and an appeal goes to somebody who did not decide.",
)
AUTHORITY_EXCEEDED: Final = _not_allowed("authority_exceeded", "The amount is above what this role may approve")
NOT_ASSIGNEE: Final = _not_allowed("not_assignee", "The review is assigned to somebody else")
NOT_SUBMITTER: Final = _not_allowed("not_submitter", "Somebody else submitted this claim")
INVALID_TRANSITION: Final = _conflict(
    "invalid_transition",
    "The review's state does not allow this action",
    "`errors[0].meta.allowed_actions` lists those that it does.",
)
STALE_WORKFLOW: Final = _conflict(
    "stale_workflow",
    "The review has changed since it was read",
    "Somebody else acted first. Look at the new state and version, and decide anew.",
)
REASON_REQUIRED: Final = _rule("reason_required", "The action needs a reason code")
UNKNOWN_REASON: Final = _rule("unknown_reason", "The reason code is not one")
COMMENT_REQUIRED: Final = _rule("comment_required", "The action needs a comment")
ASSIGNEE_REQUIRED: Final = _rule("assignee_required", "The action needs an assignee")
AMOUNT_REQUIRED: Final = _rule("amount_required", "The action needs an amount")
AMOUNT_EXCEEDS_CLAIM: Final = _rule("amount_exceeds_claim", "The amount is too high for the claim")
AMOUNT_BELOW_CLAIM: Final = _rule("amount_below_claim", "A full approval is for the whole claim")
AMOUNT_NOT_ALLOWED: Final = _rule("amount_not_allowed", "A rejection grants nothing")
ITEM_SUM_MISMATCH: Final = _rule("item_sum_mismatch", "The items do not come to the amount")
DUPLICATE_ITEM: Final = _rule("duplicate_item", "An item has two decisions")
APPEAL_WINDOW_CLOSED: Final = _rule("appeal_window_closed", "The time to appeal is over")
PAYOUT_NOT_PROCESSED: Final = _conflict("payout_not_processed", "The approved amount has not been paid")

CURRENCY_EXPONENT: Final = _rule("currency_exponent", "An amount has more decimals than its currency")
NEGATIVE_AMOUNT: Final = _rule("negative_amount", "An amount is below zero")
COINSURANCE_OUT_OF_RANGE: Final = _rule("coinsurance_out_of_range", "The coinsurance rate is not between 0 and 1")
ALREADY_PROCESSED: Final = _conflict(
    "already_processed",
    "The payout was processed with other figures",
    "A processed payout is final. With the same figures, or none, its result is answered again.",
)
INPUTS_DIFFER: Final = _conflict("inputs_differ", "The figures are not those that were registered")
REVIEW_NOT_APPROVED: Final = _conflict(
    "review_not_approved",
    "The claim's review has not approved this amount",
    "A claim under review is paid once it is approved, and not above what was approved.",
)

SUPPRESSED_RECIPIENT: Final = _conflict("suppressed_recipient", "This address does not take mail any more")
NOTIFICATION_UNCERTAIN: Final = _conflict(
    "notification_uncertain",
    "Nobody knows whether this notification was sent",
    "The connection to the mail system broke at the wrong moment. Ask the recipient, and register another one if need "
    "be; this one is not sent again.",
)
MAIL_TRANSPORT_DOWN: Final = ProblemType(
    "mail_transport_down",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The mail could not be handed over now",
    "It stays queued and is tried again; without `wait=true` the answer would have been 202.",
)

REVIEW_PROBLEMS: Final = (
    AMBIGUOUS_REFERENCE,
    REQUEST_NOT_FOUND,
    ROLE_NOT_ALLOWED,
    FOUR_EYES,
    AUTHORITY_EXCEEDED,
    NOT_ASSIGNEE,
    NOT_SUBMITTER,
    INVALID_TRANSITION,
    STALE_WORKFLOW,
    REASON_REQUIRED,
    UNKNOWN_REASON,
    COMMENT_REQUIRED,
    ASSIGNEE_REQUIRED,
    AMOUNT_REQUIRED,
    AMOUNT_EXCEEDS_CLAIM,
    AMOUNT_BELOW_CLAIM,
    AMOUNT_NOT_ALLOWED,
    ITEM_SUM_MISMATCH,
    DUPLICATE_ITEM,
    APPEAL_WINDOW_CLOSED,
    PAYOUT_NOT_PROCESSED,
    CURRENCY_EXPONENT,
)
"""What an action on a review is refused with."""

PAYOUT_PROBLEMS: Final = (
    AMBIGUOUS_REFERENCE,
    REQUEST_NOT_FOUND,
    ALREADY_PROCESSED,
    INPUTS_DIFFER,
    REVIEW_NOT_APPROVED,
    NEGATIVE_AMOUNT,
    CURRENCY_EXPONENT,
    COINSURANCE_OUT_OF_RANGE,
)
"""What processing a payout is refused with."""

SENDING_PROBLEMS: Final = (
    AMBIGUOUS_REFERENCE,
    REQUEST_NOT_FOUND,
    SUPPRESSED_RECIPIENT,
    NOTIFICATION_UNCERTAIN,
    MAIL_TRANSPORT_DOWN,
)
"""What sending a notification is refused with."""

INSURANCE_PROBLEMS: Final = tuple(kind for kind in list(globals().values()) if isinstance(kind, ProblemType))

_BY_CODE: Final = {kind.code: kind for kind in INSURANCE_PROBLEMS}


def problem_of(refused: Refused, **meta: object) -> Problem:
    """Return the problem that a rule's refusal is answered with; `meta` are figures for programs."""
    fault = Fault(refused.pointer, refused.code, refused.detail, meta=meta or None)
    return Problem(_BY_CODE[refused.code], refused.detail, faults=[fault])
