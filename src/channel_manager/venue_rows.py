"""Each section of a venue file as rows of a table, and back.

`KEPT` names them all, in the order in which they are written. A new kind of section needs one
entry here, with a function for each way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from channel_manager.capacity.models import Admission
from channel_manager.capacity.venue import AdmissionSection, ScheduleSection
from channel_manager.catalog.models import CouponType, Item, PriceRule, Store, TicketType
from channel_manager.db import Table
from channel_manager.partners.models import Partner
from channel_manager.strict_json import plain_decimal
from channel_manager.venue_design import DesignSection
from channel_manager.venue_octo import OctoSection
from channel_manager.venue_sections import (
    CompanySection,
    CouponTypeSection,
    ItemSection,
    PartnerSection,
    PriceRuleSection,
    StoreSection,
    TicketTypeSection,
)
from channel_manager.venue_types import Section

Values = dict[str, Any]
Row = Mapping[str, Any]

PACKAGE_SETTINGS = {"fixed": "fixed", "relative": "amount_off", "percent": "percent_off"}


@dataclass(frozen=True, slots=True)
class Kept:
    """How one list of the file is kept in the database."""

    # The list's attribute of `VenueFile`, and the attribute and column that tell its entries apart.
    name: str
    key: str
    key_column: str
    section: type[Section]
    model: type[Table]
    # A row without its company; and what a row says, by the section's attributes.
    write: Callable[[Any], Values]
    read: Callable[[Row], Values]
    # Whether an entry that the file no longer names is taken out.
    removable: bool = True


def company_values(section: CompanySection) -> Values:
    """A company's columns."""
    values = section.model_dump(exclude={"tenant", "design"})
    return {"tenant_id": section.tenant, "design": _design_row(section.design), **values}


def company_section(row: Row) -> CompanySection:
    """A company as the file says it."""
    values = _same(CompanySection, row) | {"tenant": row["tenant_id"], "design": _design(row)}
    return CompanySection.model_validate(values, by_name=True)


def _design_row(design: DesignSection) -> Values:
    values = design.model_dump(mode="json", by_alias=True, exclude_none=True)
    # The picture itself is kept by its hash, so that a page's row stays small.
    return values | ({"logo": design.picture.digest} if design.picture else {})


def _design(row: Row) -> Values:
    names = {"codeFormat": "code_format"}
    return {names.get(name, name): value for name, value in row["design"].items()}


def _partner_row(partner: PartnerSection) -> Values:
    values = partner.model_dump(exclude={"id", "design"})
    return {"partner_id": partner.id, "design": _design_row(partner.design), **values}


def _partner(row: Row) -> Values:
    return _same(PartnerSection, row) | {"id": row["partner_id"], "design": _design(row)}


def _admission_row(admission: AdmissionSection) -> Values:
    schedule = set(ScheduleSection.model_fields)
    values = admission.model_dump(exclude=schedule)
    return {**values, "schedule": admission.stored_schedule()}


def _admission(row: Row) -> Values:
    schedule = ScheduleSection.model_validate(row["schedule"])
    return _same(AdmissionSection, row) | {
        name: getattr(schedule, name) for name in ScheduleSection.model_fields
    }


def _store_row(store: StoreSection) -> Values:
    return store.model_dump()


def _store(row: Row) -> Values:
    return _same(StoreSection, row)


def _ticket_row(kind: TicketTypeSection) -> Values:
    values = kind.model_dump(exclude={"kind"})
    return {**values, "is_group": kind.kind == "group"}


def _ticket(row: Row) -> Values:
    kind = "group" if row["is_group"] else "individual"
    return _same(TicketTypeSection, row) | {"kind": kind}


def _coupon_row(kind: CouponTypeSection) -> Values:
    gives = kind.gives.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**kind.model_dump(exclude={"gives"}), "gives": gives}


def _coupon(row: Row) -> Values:
    names = {"freeItem": "free_item"}
    gives = {names.get(name, name): value for name, value in row["gives"].items()}
    return _same(CouponTypeSection, row) | {"gives": gives}


def _item_row(item: ItemSection) -> Values:
    package = item.package
    price = package.price if package else item.price
    return {
        "item_number": item.number,
        "kind": "package" if package else "coupon" if item.coupon_type else "ticket",
        "description": item.description,
        "translations": item.translations,
        "sellable": item.sellable,
        "unit_price": price.amount if price else None,
        "price_includes_vat": price.includes_vat if price else True,
        "vat_percent": item.price.vat_percent if item.price else Decimal(0),
        "ticket_type": item.ticket_type,
        "coupon_type": item.coupon_type,
        "components": _component_rows(item),
        "admissions": [{"admission": use.code, "slots": use.slots} for use in item.admissions],
        "stores": item.stores,
        "code_format": item.code_format,
        "octo": item.octo.model_dump(mode="json", by_alias=True, exclude_defaults=True),
    }


def _component_rows(item: ItemSection) -> list[Values]:
    rows = []
    for component in item.package.components if item.package else ():
        change = component.price.change() if component.price else None
        rows.append(
            {
                "item": component.item,
                "quantity": component.quantity,
                "price": change and {str(change.action): plain_decimal(change.value)},
            }
        )
    return rows


def _item(row: Row) -> Values:
    admissions = [{"code": use["admission"], "slots": use["slots"]} for use in row["admissions"]]
    octo = OctoSection.model_validate(row["octo"])
    values = _same(ItemSection, row) | {
        "number": row["item_number"],
        "admissions": admissions,
        "octo": octo,
    }
    amount, includes_vat = row["unit_price"], row["price_includes_vat"]
    price = None if amount is None else {"amount": _decimal(amount), "includes_vat": includes_vat}
    if row["kind"] == "package":
        components = [_component(part) for part in row["components"]]
        return values | {"package": {"components": components, "price": price}}
    if price is not None:
        price["vat_percent"] = _decimal(row["vat_percent"])
    return values | {"price": price}


def _component(part: Row) -> Values:
    price = None
    if part["price"]:
        ((action, value),) = part["price"].items()
        price = {PACKAGE_SETTINGS[action]: value if action == "fixed" else -Decimal(value)}
    return {"item": part["item"], "quantity": part["quantity"], "price": price}


def _rule_row(section: PriceRuleSection) -> Values:
    rule = section.model_dump(
        mode="json", by_alias=True, exclude={"code", "item", "change"}, exclude_none=True
    )
    change = section.change.change()
    rule["change"] = {str(change.action): plain_decimal(change.value)}
    return {"code": section.code, "item_number": section.item, "rule": rule}


def _rule(row: Row) -> Values:
    aliases = {str(field.alias): name for name, field in PriceRuleSection.model_fields.items()}
    said = {aliases[name]: value for name, value in row["rule"].items()}
    return {"code": row["code"], "item": row["item_number"], **said}


KEPT: Sequence[Kept] = (
    Kept("partners", "id", "partner_id", PartnerSection, Partner, _partner_row, _partner, False),
    Kept("admissions", "code", "code", AdmissionSection, Admission, _admission_row, _admission),
    Kept("stores", "code", "code", StoreSection, Store, _store_row, _store),
    Kept("ticket_types", "code", "code", TicketTypeSection, TicketType, _ticket_row, _ticket),
    Kept("coupon_types", "code", "code", CouponTypeSection, CouponType, _coupon_row, _coupon),
    Kept("items", "number", "item_number", ItemSection, Item, _item_row, _item),
    Kept("price_rules", "code", "code", PriceRuleSection, PriceRule, _rule_row, _rule),
)


def row_of(kept: Kept, company_id: UUID, section: Section) -> Values:
    """The whole row of one entry."""
    return {"company_id": company_id, **kept.write(section)}


def section_of(kept: Kept, row: Row) -> Section:
    """The entry that a row says."""
    return kept.section.model_validate(kept.read(row), by_name=True)


def _same(section: type[Section], row: Row) -> Values:
    return {name: row[name] for name in section.model_fields if name in row}


def _decimal(value: Decimal) -> Decimal:
    # 100.0000 in the database is 100 in the file.
    return Decimal(plain_decimal(value))
