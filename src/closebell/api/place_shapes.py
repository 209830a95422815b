"""What centres and their employees look like on the wire, and ways to pay.

Source: the contract's pages "list-all-centers", "retrieve-a-center", "list-all-employees-of-a-center" and
"list-all-therapists-of-a-center". docs/api.md says which fields are ours, and which of the contract's always have the
same value because nothing here fills them.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from closebell.api.paging import PageInfo
from closebell.domain.invoice import Centre
from closebell.domain.people import Employee

NOT_SPECIFIED = -1
"""The contract's gender "NotSpecified": nothing here knows an employee's."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """An object of an answer."""


# --- centres -----------------------------------------------------------------------------------------------------


class CurrencyInfo(Shape, frozen=True):
    """The currency of a centre."""

    id: int
    name: str
    code: str


class TimeZoneInfo(Shape, frozen=True):
    """The time zone of a centre; every name is the IANA name."""

    id: int
    name: str
    standard_name: str
    symbol: str


class LocationInfo(Shape, frozen=True):
    """Where a centre is, as far as its clock goes."""

    time_zone: TimeZoneInfo


class CenterDocument(Shape, frozen=True):
    """A centre."""

    id: str
    code: str
    name: str
    display_name: str
    description: str
    currency: CurrencyInfo
    location: LocationInfo
    organization_id: str | None
    invoice_prefix: str
    receipt_prefix: str
    rounding_unit: Decimal
    ssg_rate: Decimal
    fee_rate: Decimal
    loyalty_cap_rate: Decimal | None
    allows_discounts: bool
    gstin: str

    @classmethod
    def of(cls, centre: Centre) -> CenterDocument:
        """The centre on the wire."""
        zone = centre.time_zone
        return cls(
            id=centre.id,
            code=centre.code,
            name=centre.name,
            display_name=centre.name,
            description="",
            currency=CurrencyInfo(id=centre.currency_id, name=centre.currency.name, code=centre.currency.code),
            location=LocationInfo(time_zone=TimeZoneInfo(id=0, name=zone, standard_name=zone, symbol=zone)),
            organization_id=centre.organization_id,
            invoice_prefix=centre.invoice_prefix,
            receipt_prefix=centre.receipt_prefix,
            rounding_unit=centre.currency.wire(centre.rounding_unit),
            ssg_rate=centre.ssg_rate,
            fee_rate=centre.fee_rate,
            loyalty_cap_rate=centre.loyalty_cap_rate,
            allows_discounts=centre.allows_discounts,
            gstin=centre.gstin,
        )


class CenterDetail(CenterDocument, frozen=True):
    """One centre, with what the contract answers only of one."""

    phone: str
    time_zone_id: int
    currency_id: int
    email: str

    @classmethod
    def detail_of(cls, centre: Centre) -> CenterDetail:
        """The centre on the wire, in detail."""
        listed = CenterDocument.of(centre)
        return cls(
            **{name: getattr(listed, name) for name in CenterDocument.__struct_fields__},
            phone="",
            time_zone_id=0,
            currency_id=centre.currency_id,
            email="",
        )


class CentersAnswer(Shape, frozen=True):
    """A page of centres."""

    centers: list[CenterDocument]
    page_info: PageInfo
    error: None = None


class CenterAnswer(Shape, frozen=True):
    """One centre."""

    center: CenterDetail
    error: None = None


# --- employees ---------------------------------------------------------------------------------------------------


class PersonalInfo(Shape, frozen=True):
    """Who an employee is."""

    first_name: str
    last_name: str
    name: str
    gender: int


class TherapistPersonalInfo(Shape, frozen=True):
    """Who a therapist is; their gender is a text, as the contract has it on this list alone."""

    first_name: str
    last_name: str
    name: str
    nick_name: str
    gender: str


class JobInfo(Shape, frozen=True):
    """What an employee does; nothing here knows."""

    id: str | None = None
    name: str = ""


class EmployeeDocument(Shape, frozen=True):
    """An employee."""

    id: str
    code: str
    personal_info: PersonalInfo
    job_info: JobInfo

    @classmethod
    def of(cls, employee: Employee) -> EmployeeDocument:
        """The employee on the wire."""
        info = PersonalInfo(
            first_name=employee.first_name,
            last_name=employee.last_name,
            name=_name(employee),
            gender=NOT_SPECIFIED,
        )
        return cls(id=employee.id, code=employee.code, personal_info=info, job_info=JobInfo())


class TherapistDocument(Shape, frozen=True):
    """An employee, as one who treats."""

    id: str
    code: str
    personal_info: TherapistPersonalInfo
    job_info: JobInfo

    @classmethod
    def of(cls, employee: Employee) -> TherapistDocument:
        """The employee on the wire."""
        info = TherapistPersonalInfo(
            first_name=employee.first_name,
            last_name=employee.last_name,
            name=_name(employee),
            nick_name="",
            gender=str(NOT_SPECIFIED),
        )
        return cls(id=employee.id, code=employee.code, personal_info=info, job_info=JobInfo())


def _name(employee: Employee) -> str:
    return f"{employee.first_name} {employee.last_name}".strip()


class EmployeesAnswer(Shape, frozen=True):
    """A page of employees."""

    employees: list[EmployeeDocument]
    page_info: PageInfo
    error: None = None


class TherapistsAnswer(Shape, frozen=True):
    """A page of employees, as therapists."""

    therapists: list[TherapistDocument]
    page_info: PageInfo
    error: None = None


# --- ways to pay -----------------------------------------------------------------------------------------------------


class CustomPaymentDocument(Shape, frozen=True):
    """A way to pay that the business named itself."""

    id: str
    name: str


class CustomPaymentsAnswer(Shape, frozen=True):
    """A page of ways to pay."""

    custom_payments: list[CustomPaymentDocument]
    page_info: PageInfo
    error: None = None
