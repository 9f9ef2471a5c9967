"""The sections of a venue file: what each may say by itself.

What they say together is checked in `venue_checks`; the published schema is made from these.
"""

from decimal import Decimal
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from channel_manager.capacity.venue import ItemAdmissionSection
from channel_manager.catalog.prices import Action, PriceChange, PriceRule, weekday_numbers
from channel_manager.venue_design import CodeFormatName, DesignSection
from channel_manager.venue_octo import OctoSection
from channel_manager.venue_types import (
    Amount,
    Code,
    Currency,
    Day,
    Description,
    LanguageCode,
    Move,
    Name,
    Pattern,
    Percent,
    PercentMove,
    PerYear,
    Section,
    SlotTime,
    Translations,
    ValidDays,
    Zone,
)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class CompanySection(Section):
    """The company: who sells, where it is, and in which currency and language."""

    tenant: UUID
    """The tenant's UUID, the first part of every address."""
    environment: Code
    """The environment, the second part of every address, such as production."""
    name: Name
    """The company's display name, the third part of every address."""
    time_zone: Zone
    """An IANA time zone; visit dates and times are of this zone."""
    currency: Currency
    """The ISO 4217 currency of all prices; amounts have its number of decimals."""
    language: LanguageCode
    """The language that descriptions fall back to, such as DAN or da-DK."""
    wallet_number_pattern: Pattern | None = None
    """How wallets are numbered; 18 random digits where it is left out."""
    wallets_per_year: PerYear | None = None
    """How many wallets are issued in a year, for the check of their pattern; 1,000,000."""
    design: DesignSection = DesignSection()
    """What guests see of the venue, where their partner's design says nothing."""


class StoreSection(Section):
    """A store: a list of items that partners may be shown."""

    code: Code
    """The store's code, the last part of the catalogue's address."""
    description: Description
    """What the store is, in the company's words."""


class PartnerSection(Section):
    """A partner: an external channel that sells for the company."""

    id: UUID
    """The partner's UUID, which it sends as partnerId."""
    name: Name
    """What the partner is called."""
    active: bool = True
    """Whether it may order; an inactive partner may still read."""
    hold_minutes: Annotated[int, Field(ge=0, le=527_040)] = 60
    """How long a draft holds its places, in minutes; 0 is for ever."""
    order_reference_pattern: Pattern | None = None
    """How buyFromOrderReference is numbered; CM-, the time and 4 characters otherwise."""
    orders_per_year: PerYear | None = None
    """How many orders it sends in a year, for the check of its pattern; 100,000."""
    reject_unknown_fields: bool = False
    """Whether an unknown field in a body is an error; otherwise it is named in the reply."""
    design: DesignSection = DesignSection()
    """What its guests see of the venue, where it differs from the company's design."""


class TicketTypeSection(Section):
    """A ticket type: how tickets are numbered and used."""

    code: Code
    """The name that items use for it."""
    kind: Literal["individual", "group"] = "individual"
    """group: one wallet and ticket for a whole line, which admits its quantity."""
    number_pattern: Pattern
    """How tickets are numbered: text, [S], [N*k], [A*k], [X*k]."""
    numbers_per_year: PerYear | None = None
    """How many are issued in a year, for the check of the pattern; 1,000,000."""
    insist_on_pattern: bool = False
    """Take the pattern although its numbers could be guessed."""
    entries: Literal["single", "once_a_day", "many"] = "single"
    """How often a ticket lets in."""
    valid_days: ValidDays = 1
    """On how many days it is valid, from the visit date on."""


class GivesSection(Section):
    """What a coupon gives: exactly one of these."""

    percent: Percent | None = None
    """So many percent off."""
    amount: Amount | None = None
    """So much off, in the company's currency."""
    free_item: Description | None = None
    """This for free."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "percent, amount and freeItem")
        return self


class CouponTypeSection(Section):
    """A coupon type: what a coupon gives, how often and for how long."""

    code: Code
    """The name that items use for it."""
    number_pattern: Pattern
    """How coupons are numbered: text, [S], [N*k], [A*k], [X*k]."""
    numbers_per_year: PerYear | None = None
    """How many are issued in a year, for the check of the pattern; 1,000,000."""
    insist_on_pattern: bool = False
    """Take the pattern although its numbers could be guessed."""
    gives: GivesSection
    """What the guest gets for it."""
    uses: Annotated[int, Field(ge=1, le=1_000)] = 1
    """How often it can be used."""
    valid_days: ValidDays = 1
    """On how many days it is valid, from the visit date on."""


class PriceSection(Section):
    """What an item costs, in the company's currency."""

    amount: Amount
    """The unit price."""
    includes_vat: bool = True
    """Whether the amount includes VAT."""
    vat_percent: Percent = Decimal(0)
    """The VAT rate in percent."""


class ComponentPriceSection(Section):
    """How a package changes a component's price: exactly one of these."""

    fixed: Amount | None = None
    """The component costs this in the package."""
    percent_off: Percent | None = None
    """So many percent less than its item."""
    amount_off: Amount | None = None
    """So much less than its item, and never below 0."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "fixed, percentOff and amountOff")
        return self

    def change(self) -> PriceChange:
        """The change to the item's price."""
        if self.fixed is not None:
            return PriceChange(Action.FIXED, self.fixed)
        if self.percent_off is not None:
            return PriceChange(Action.PERCENT, -self.percent_off)
        return PriceChange(Action.RELATIVE, -(self.amount_off or Decimal(0)))


class ComponentSection(Section):
    """A part of a package."""

    item: Code
    """The number of a ticket or coupon item."""
    quantity: Annotated[int, Field(ge=1, le=100)] = 1
    """How many of it each wallet holds."""
    price: ComponentPriceSection | None = None
    """What one of it costs in this package; its item's price where this is left out."""


class PackagePriceSection(Section):
    """What a whole package costs; spread over its components, each with its own VAT."""

    amount: Amount
    """The price of one package."""
    includes_vat: bool = True
    """Whether the amount includes VAT."""


class PackageSection(Section):
    """What a package holds."""

    components: Annotated[list[ComponentSection], Field(min_length=1, max_length=100)]
    """Its parts, in the order in which guests see them."""
    price: PackagePriceSection | None = None
    """The price of the whole; the sum of its components where this is left out."""


class ItemSection(Section):
    """An item: a ticket (ticketType), a coupon (couponType) or a package (package)."""

    number: Code
    """The itemNumber that partners order."""
    description: Description
    """What it is; shown where no translation fits."""
    translations: Translations = {}
    """The description by language: ENU, DAN, de, pt-BR."""
    ticket_type: Code | None = None
    """The ticket type, for a ticket."""
    coupon_type: Code | None = None
    """The coupon type, for a coupon."""
    package: PackageSection | None = None
    """The contents, for a package."""
    price: PriceSection | None = None
    """What a ticket or coupon costs."""
    admissions: list[ItemAdmissionSection] = []
    """The places that it admits to; none where this is left out."""
    sellable: bool = True
    """False: sold only as part of packages."""
    stores: list[Code] = []
    """The stores that list it; all where this is left out."""
    code_format: CodeFormatName | None = None
    """How its numbers are drawn, whatever the designs say: for readers that take one kind only."""
    octo: OctoSection = OctoSection()
    """How it is sold by OCTO; by itself, as a product of one unit, where this is left out."""


class ChangeSection(Section):
    """What a price rule does: exactly one of these."""

    fixed: Amount | None = None
    """The price is this."""
    relative: Move | None = None
    """The price goes up or down by this; -10 is 10 off."""
    percent: PercentMove | None = None
    """The price goes up or down by so many percent; -20 is 20 % off."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "fixed, relative and percent")
        return self

    def change(self) -> PriceChange:
        """The change to the item's price."""
        if self.fixed is not None:
            return PriceChange(Action.FIXED, self.fixed)
        if self.relative is not None:
            return PriceChange(Action.RELATIVE, self.relative)
        return PriceChange(Action.PERCENT, self.percent or Decimal(0))


class PriceRuleSection(Section):
    """A price rule: when it holds and what it does. The narrowest rule that holds wins."""

    code: Code
    """The rule's name."""
    item: Code | None = None
    """The item that it is for; all items where this is left out."""
    visit_from: Day | None = None
    """The first visit date."""
    visit_to: Day | None = None
    """The last visit date."""
    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)] | None = None
    """The weekdays of the visit."""
    time_from: SlotTime | None = None
    """The first visit time, venue-local."""
    time_to: SlotTime | None = None
    """The time before which the visit must be, venue-local."""
    booked_ahead_min: Annotated[int, Field(ge=0, le=3_660)] | None = None
    """At least so many days between the order and the visit."""
    booked_ahead_max: Annotated[int, Field(ge=0, le=3_660)] | None = None
    """At most so many days between the order and the visit."""
    priority: Annotated[int, Field(ge=-1_000, le=1_000)] = 0
    """Between rules that are equally narrow, the higher wins."""
    change: ChangeSection
    """What it does with the price."""

    @model_validator(mode="after")
    def _holds(self) -> Self:
        self.rule()
        return self

    def rule(self) -> PriceRule:
        """The rule itself. Errors: `ValueError` for ranges that end before they start."""
        return PriceRule(
            code=self.code,
            change=self.change.change(),
            item_number=self.item,
            visit_from=self.visit_from,
            visit_to=self.visit_to,
            weekdays=weekday_numbers(self.weekdays or range(7)),
            time_from=self.time_from,
            time_to=self.time_to,
            booked_ahead_min=self.booked_ahead_min,
            booked_ahead_max=self.booked_ahead_max,
            priority=self.priority,
        )


def _exactly_one(section: Section, names: str) -> None:
    given = [name for name in type(section).model_fields if getattr(section, name) is not None]
    if len(given) != 1:
        raise ValueError(f"give one of {names}, not {len(given)} of them")
