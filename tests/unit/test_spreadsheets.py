"""Exports: what a spreadsheet reads is what there was, and it calculates none of it."""

import asyncio
import csv
import tempfile
import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel_manager import spreadsheets
from channel_manager.errors import Unavailable
from channel_manager.spreadsheets import Format, Sheet, defused, download, stream_csv, stream_xlsx

HEADING = ["Reference", "Amount", "Currency", "At", "Day", "Open"]
ROW = [
    'ordre æ,"ø"\nå',
    Decimal("-1234.50"),
    "DKK",
    datetime(2026, 7, 1, 10, 30, 5, 999, tzinfo=UTC),
    date(2026, 7, 2),
    True,
]


async def rows(*given):
    for row in given:
        yield row


async def whole(stream):
    return b"".join([chunk async for chunk in stream])


def read_csv(content):
    return list(csv.reader(StringIO(content.decode("utf-8-sig"), newline="")))


def sheets(content):
    book = openpyxl.load_workbook(BytesIO(content))
    return [list(sheet.iter_rows()) for sheet in book.worksheets]


async def test_csv_has_the_mark_crlf_and_the_venues_clock():
    content = await whole(stream_csv(Sheet(HEADING, rows(ROW), ZoneInfo("Europe/Copenhagen"))))
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.endswith(b"true\r\n")
    assert read_csv(content) == [
        HEADING,
        [ROW[0], "-1234.50", "DKK", "2026-07-01 12:30:05", "2026-07-02", "true"],
    ]


async def test_xlsx_keeps_numbers_days_and_truths_as_what_they_are():
    content = await whole(stream_xlsx(Sheet(HEADING, rows(ROW), ZoneInfo("Europe/Copenhagen"))))
    [[heading, found]] = sheets(content)
    assert [cell.value for cell in heading] == HEADING
    assert [cell.value for cell in found] == [
        ROW[0],
        -1234.5,
        "DKK",
        datetime(2026, 7, 1, 12, 30, 5),  # noqa: DTZ001 - a spreadsheet knows no zones
        datetime(2026, 7, 2),  # noqa: DTZ001
        True,
    ]
    assert [cell.data_type for cell in found] == ["s", "n", "s", "d", "d", "b"]
    assert found[1].number_format == "0.00"


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\tx",
        "\rx",
        " \n =1",
        "\ufeff=1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "a;=1",
        "a\n=1",
        "a;\n\t =1",
        '=HYPERLINK("http://evil.example","x")',
    ],
)
async def test_no_text_is_calculated(text):
    [_, [told]] = read_csv(await whole(stream_csv(Sheet(["x"], rows([text])))))
    assert told != text
    assert told.replace("'", "") == text.replace("'", "")
    for part in told.replace(";", "\n").splitlines():
        assert part.strip("\ufeff \t\r")[:1] not in tuple("=+-@＝＋－＠")
    [[_, [cell]]] = sheets(await whole(stream_xlsx(Sheet(["x"], rows([text])))))
    assert (cell.data_type, cell.quotePrefix) == ("s", True)
    # How XLSX writes a carriage return.
    assert cell.value.replace("_x000D_", "\r") == text


@pytest.mark.parametrize("text", ["", "a=b", "2026-01-01", "a-b", "x; y", "'=1", "10 - 5", "'"])
async def test_a_harmless_text_stays_as_it_is(text):
    assert defused(text) == text
    [[_, *found]] = sheets(await whole(stream_xlsx(Sheet(["x", "y"], rows([text, "y"])))))
    assert (found[0][0].value or "") == text
    assert not found[0][0].quotePrefix


@given(st.text(max_size=40))
def test_defusing_twice_is_defusing_once(text):
    assert defused(defused(text)) == defused(text)


def test_a_text_of_separators_takes_no_time():
    defused("\n" * 5_000)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, 0),
        (-5, -5),
        (0.5, 0.5),
        (Decimal("1E+3"), 1000),
        (Decimal("0.0000001"), 0.0000001),
        (Decimal("3.500"), 3.5),
        (10**15 - 1, 10**15 - 1),
        # What Excel would round stays whole, as a text.
        (123456789012345678, "123456789012345678"),
        (Decimal("1234567890.1234567"), "1234567890.1234567"),
    ],
)
async def test_numbers_stay_numbers_as_far_as_excel_has_digits(number, told):
    [[_, [cell]]] = sheets(await whole(stream_xlsx(Sheet(["x"], rows([number])))))
    assert cell.value == told
    [_, [text]] = read_csv(await whole(stream_csv(Sheet(["x"], rows([number])))))
    assert Decimal(text) == Decimal(str(number))
    assert "E" not in text


async def test_a_table_without_rows_is_its_heading():
    assert await whole(stream_csv(Sheet(["x"], rows()))) == b'\xef\xbb\xbf"x"\r\n'
    [[heading]] = sheets(await whole(stream_xlsx(Sheet(["x"], rows()))))
    assert heading[0].value == "x"


async def test_what_no_cell_holds_is_cut_and_says_so():
    [[_, [cell]]] = sheets(await whole(stream_xlsx(Sheet(["x"], rows(["y" * 40_000])))))
    assert len(cell.value) == 32_767
    assert cell.value.endswith("(longer than a cell may be)")


async def test_rows_beyond_a_sheet_go_to_another_with_the_heading(monkeypatch):
    monkeypatch.setattr(spreadsheets, "MOST_ROWS", 4)
    first, second, third = sheets(
        await whole(stream_xlsx(Sheet(["x"], rows(*([n] for n in range(7))))))
    )
    assert [row[0].value for row in first] == ["x", 0, 1, 2]
    assert [row[0].value for row in second] == ["x", 3, 4, 5]
    assert [row[0].value for row in third] == ["x", 6]


@pytest.mark.parametrize("stream", [stream_csv, stream_xlsx])
async def test_the_memory_does_not_grow_with_the_rows(stream):
    async def many(count):
        for number in range(count):
            yield [f"reference {number}", number]

    async def most(count):
        tracemalloc.reset_peak()
        async for _ in stream(Sheet(["a", "b"], many(count))):
            pass
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        await most(1_000)
        few, lots = await most(2_000), await most(20_000)
    finally:
        tracemalloc.stop()
    assert lots < few + 300_000


async def test_nothing_is_left_on_the_disk_by_who_goes_away(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def never_ending():
        while True:
            yield ["x"]

    reading = asyncio.create_task(whole(stream_xlsx(Sheet(["x"], never_ending()))))
    while not list(tmp_path.rglob("*")):  # noqa: ASYNC110 - the disk tells nobody
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    stream = stream_xlsx(Sheet(["x"], rows(["x"])))
    await anext(stream)
    await stream.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_a_download_is_named_and_kept_nowhere():
    reply = await download('Slot "Æ"/2026\n', Format.XLSX, Sheet(["x"], rows([1])))
    assert reply.headers["content-disposition"] == (
        'attachment; filename="Slot ____2026_.xlsx"; '
        "filename*=UTF-8''Slot%20%22%C3%86%22%2F2026%0A.xlsx"
    )
    assert reply.headers["cache-control"] == "no-store"
    assert reply.media_type.startswith("application/vnd.openxmlformats")
    [[heading, found]] = sheets(await whole(reply.body_iterator))
    assert (heading[0].value, found[0].value) == ("x", 1)


async def test_a_database_that_is_away_is_told_before_the_reply_begins():
    async def away():
        raise Unavailable("The database is away.")
        yield []

    with pytest.raises(Unavailable):
        await download("x", Format.CSV, Sheet(["x"], away()))
