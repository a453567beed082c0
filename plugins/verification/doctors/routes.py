"""The routes about doctors: one to register, seven that each ask one primary source, one that verifies the whole."""

from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import Response, Router, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from core.auth import PUBLIC, Principal, scope
from core.clock import Clock
from core.http.injected import Injected
from core.http.openapi_links import leads
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from plugins.verification.doctors.problems import INQUIRY_PROBLEMS, REGISTRATION_PROBLEMS
from plugins.verification.doctors.schemas import answers
from plugins.verification.doctors.schemas import parameters as query
from plugins.verification.doctors.schemas.requests import DoctorIn
from plugins.verification.doctors.service.decision import chosen_components
from plugins.verification.doctors.service.decision import verify as decide
from plugins.verification.doctors.service.inquiry import Inquiry, named_by
from plugins.verification.doctors.service.registration import register
from plugins.verification.doctors.service.sources import Keeper, PrimarySources
from plugins.verification.evidence.parameters import AllowFuture, AsOf, WantsReceipt
from plugins.verification.evidence.receipts import Signer
from plugins.verification.evidence.service import resolve_as_of
from plugins.verification.settings import Settings
from ports.storage import Storage

VERIFY_PATH: Final = "/api/v1/doctors/psv/verify"
SOURCES: Final = leads(
    "doctors_license_status",
    "doctors_degree_info",
    "doctors_board_cert_info",
    "doctors_training_info",
    "doctors_employment_info",
    "doctors_disciplines_check",
    "doctors_malpractice_history",
    doctor_id="$response.body#/doctor_id",
)
"""What each source says of the doctor that an answer is about."""


async def provide_inquiry(
    clock: Injected[Clock],
    doctor_id: query.ByDoctorId = None,
    license_number: query.ByLicenseNumber = None,
    license_state: query.ByLicenseState = None,
    npi: query.ByNpi = None,
    as_of: AsOf = None,
    allow_future: AllowFuture = False,  # noqa: FBT002 - a query parameter, given by name
) -> Inquiry:
    """Return the question that the query asks, or refuse it."""
    began_at = clock.now()
    identity = query.Identity(doctor_id, license_number, license_state, npi)
    return Inquiry(named_by(identity), resolve_as_of(clock, as_of, allow_future=allow_future), began_at)


async def provide_sources(
    inquiry: Injected[Inquiry],
    storage: Injected[Storage],
    units: Injected[UnitOfWorkFactory],
    clock: Injected[Clock],
    settings: Injected[Settings],
    principal: Injected[Principal],
    signer: Injected[Signer | None],
    receipt: WantsReceipt = False,  # noqa: FBT002 - a query parameter, given by name
) -> PrimarySources:
    """Return the primary sources, ready to answer the question."""
    keeper = Keeper(units, principal, signer) if receipt else None
    return PrimarySources(inquiry, storage, clock, settings.doctors, keeper)


@post(
    "/admin/add",
    access=scope("verification:admin"),
    problems=REGISTRATION_PROBLEMS,
    leads_to=(*leads("doctors_verify", doctor_id="$response.body#/doctor_id"), *SOURCES),
    response_headers=[ResponseHeader("Location", documentation_only=True, description="Where it can be verified.")],
    summary="Register a doctor",
    description="Registers a doctor with degrees, certificates, training, posts, actions and cases in one transaction. "
    "`?upsert=true` replaces a doctor with the same `doctor_id` and answers 200.",
    responses={HTTP_200_OK: ResponseSpec(answers.DoctorOut, description="The doctor was replaced.")},
)
async def add_doctor(
    data: JSONBody[DoctorIn],
    uow: Injected[UnitOfWork],
    clock: Injected[Clock],
    upsert: query.Upsert = False,  # noqa: FBT002 - a query parameter, given by name
) -> Response[answers.DoctorOut]:
    """Register a doctor."""
    doctor, is_new = await register(uow, clock, data, upsert=upsert)
    return Response(
        doctor,
        status_code=HTTP_201_CREATED if is_new else HTTP_200_OK,
        headers={"Location": f"{VERIFY_PATH}?doctor_id={quote(doctor.doctor_id, safe='')}"},
    )


@get("/psv/license/status", summary="Ask the medical board about the licence")
async def license_status(sources: Injected[PrimarySources]) -> answers.LicenseOut:
    """Return the licence; `status` is `expired` once a licence that allowed practice has run out."""
    return await sources.license()


@get("/psv/degree/info", summary="Ask the universities about degrees")
async def degree_info(
    sources: Injected[PrimarySources],
    degree_type: query.DegreeType = None,
    institution: query.Institution = None,
) -> answers.DegreesOut:
    """Return the degrees; none is an answer, with the outcome `not_found`."""
    return await sources.degrees(degree_type, institution)


@get("/psv/board-cert/info", summary="Ask the specialty boards about certificates")
async def board_cert_info(
    sources: Injected[PrimarySources],
    board: query.Board = None,
    specialty: query.Specialty = None,
    current_only: query.CurrentOnly = False,  # noqa: FBT002 - a query parameter, given by name
) -> answers.CertificationsOut:
    """Return the board certificates with their status on the day asked about."""
    return await sources.certifications(board, specialty, current_only=current_only)


@get("/psv/training/info", summary="Ask the hospitals about postgraduate training")
async def training_info(sources: Injected[PrimarySources], kind: query.Kind = None) -> answers.TrainingsOut:
    """Return the trainings and the sum of the completed months."""
    return await sources.trainings(kind)


@get("/psv/employment/info", summary="Ask the employers about the work history")
async def employment_info(
    sources: Injected[PrimarySources],
    lookback_years: query.LookbackYears = 5,
    gap_days: query.GapDays = 180,
) -> answers.EmploymentsOut:
    """Return the posts within a window of years, and the gaps that the doctor must explain."""
    return await sources.employments(lookback_years, gap_days)


@get("/psv/disciplines/check", summary="Ask the medical boards about disciplinary actions")
async def disciplines_check(
    sources: Injected[PrimarySources],
    include_closed: query.IncludeClosed = True,  # noqa: FBT002 - a query parameter, given by name
    since: query.Since = None,
) -> answers.DisciplinesOut:
    """Return the disciplinary actions; none is a positive answer."""
    return await sources.disciplines(include_closed=include_closed, since=since)


@get("/psv/malpractice/history", summary="Ask about malpractice cases")
async def malpractice_history(
    sources: Injected[PrimarySources],
    lookback_years: query.LookbackYears = 5,
    status: query.Status = None,
) -> answers.MalpracticeOut:
    """Return the malpractice cases and what was paid; none is a positive answer."""
    return await sources.malpractice(lookback_years, status)


@get("/psv/verify", summary="Verify a doctor's credentials as a whole", leads_to=SOURCES)
async def verify(
    inquiry: Injected[Inquiry],
    uow: Injected[UnitOfWork],
    clock: Injected[Clock],
    settings: Injected[Settings],
    principal: Injected[Principal],
    signer: Injected[Signer | None],
    components: query.Components = None,
    require_board_cert: query.RequireBoardCert = None,
) -> answers.VerifyOut:
    """Return the verdict with the reasons and the evidence of each component; it is recorded."""
    policy = settings.doctors
    if require_board_cert is not None:
        policy = msgspec.structs.replace(policy, require_board_cert=require_board_cert)
    return await decide(uow, clock, principal, signer, policy, inquiry, chosen_components(components))


def doctor_routes(settings: Settings) -> Router:
    """Return the routes about doctors; reads are open where the settings say so."""
    handlers: list[Any] = [
        add_doctor,
        license_status,
        degree_info,
        board_cert_info,
        training_info,
        employment_info,
        disciplines_check,
        malpractice_history,
        verify,
    ]
    return Router(
        path="/api/v1/doctors",
        route_handlers=handlers,
        dependencies={"inquiry": Provide(provide_inquiry), "sources": Provide(provide_sources)},
        opt={
            "access": PUBLIC if settings.open_reads else scope("verification:read"),
            "problems": INQUIRY_PROBLEMS,
        },
        tags=["doctors"],
    )
