"""What this plugin tells of its health: that its tables can be read, and how much is registered."""

from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import func, literal, select, union

from core.http.health import HealthCheck
from core.injection import Services
from plugins.verification.academic.tables import StudentSeed
from plugins.verification.doctors.tables import Doctor
from plugins.verification.insurance.tables import MedicalEnrichmentRequest, PayoutRequest, ReviewerRequest
from ports.storage import Query


class Registered(msgspec.Struct, frozen=True):
    """How many doctors, students and claims are registered; a claim counts once, whatever was asked about it."""

    doctors: int
    students: int
    claims: int


_CLAIMS: Final = union(
    *(select(table.claim_reference) for table in (MedicalEnrichmentRequest, ReviewerRequest, PayoutRequest))
).subquery()
_REGISTERED: Final = Query(
    select(
        select(func.count()).select_from(Doctor).scalar_subquery().label("doctors"),
        select(func.count()).select_from(StudentSeed).scalar_subquery().label("students"),
        select(func.count()).select_from(_CLAIMS).scalar_subquery().label("claims"),
    ),
    into=Registered,
)
_REACHABLE: Final = Query(select(literal(1)).select_from(Doctor).limit(1), into=int)


async def _reach_tables(services: Services) -> None:
    await services.storage.fetch_one(_REACHABLE)


async def _count(services: Services) -> Mapping[str, int]:
    registered = await services.storage.fetch_one(_REGISTERED)
    return {} if registered is None else msgspec.structs.asdict(registered)


HEALTH_CHECKS: Final = (HealthCheck("verification", _reach_tables, counts=_count),)
