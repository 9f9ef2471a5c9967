"""What an order's lines want of the venue's capacity. Pure."""

from collections.abc import Iterator, Sequence

from channel_manager.capacity.wants import Want, moment
from channel_manager.catalog.service import Catalogue
from channel_manager.issuance.contents import LineToIssue, Part, parts

LINE_STEP = 100_000


def line_path(line_no: int) -> str:
    """The line's place in the order's body: `items[0]`."""
    return f"items[{line_no // LINE_STEP - 1}]"


def wants(lines: Sequence[LineToIssue], items: Catalogue) -> list[Want]:
    """The places that the lines need, each with the part of the order that asks for it."""
    return [want for line in lines for want in _of_line(line, items)]


def _of_line(line: LineToIssue, items: Catalogue) -> Iterator[Want]:
    for part in parts(line.item, line.visit, line.component_schedule, items):
        for admission in part.item.admissions:
            wanted = moment(admission, part.visit.day, part.visit.at)
            if wanted is not None:
                yield Want(wanted, line.quantity, _place(line, part))


def _place(line: LineToIssue, part: Part) -> str:
    path = line_path(line.line_no)
    if part.scheduled is None:
        return path
    return f"{path}.wallet.componentSchedule[{part.scheduled}]"
