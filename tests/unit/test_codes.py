import string
from io import BytesIO

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from channel_manager.errors import InvalidInput
from channel_manager.manifests.codes import symbol
from channel_manager.manifests.view import CodeFormat

NUMBERS = st.text(string.ascii_uppercase + string.digits + "-", min_size=4, max_size=40)


def read(image: Image.Image) -> list[str]:
    # Made small, a Code 128 may read as a second, wrong one; a scanner sees it as it is.
    return [found.text for found in zxingcpp.read_barcodes(image, try_downscale=False)]


@pytest.mark.parametrize("code_format", CodeFormat)
@given(number=NUMBERS)
def test_every_format_reads_back_as_the_number(code_format: CodeFormat, number: str):
    assert read(symbol(number, code_format).image(scale=4)) == [number]


@pytest.mark.parametrize("code_format", CodeFormat)
@pytest.mark.parametrize(
    "number", ["000123", "0000000000000000000000", "ab/CD 9", "734901882644019275"]
)
def test_leading_zeros_and_signs_are_kept(code_format: CodeFormat, number: str):
    assert read(symbol(number, code_format).image(scale=4)) == [number]


@pytest.mark.parametrize("code_format", [CodeFormat.QR, CodeFormat.CODE128])
def test_a_second_reader_reads_the_same(code_format: CodeFormat):
    pyzbar = pytest.importorskip("pyzbar.pyzbar", reason="needs libzbar", exc_type=ImportError)
    found = pyzbar.decode(symbol("TK-8F3KQ2ZX9PLM", code_format).image(scale=4))
    assert [code.data for code in found] == [b"TK-8F3KQ2ZX9PLM"]


def test_the_png_is_the_same_picture():
    png = Image.open(BytesIO(symbol("TK-8F3KQ2ZX9PLM", CodeFormat.QR).png()))
    assert read(png.convert("L")) == ["TK-8F3KQ2ZX9PLM"]


@pytest.mark.parametrize("code_format", CodeFormat)
def test_the_picture_has_its_quiet_zone_in_white(code_format: CodeFormat):
    drawn = symbol("TK-8F3KQ2ZX9PLM", code_format)
    image = drawn.image(scale=1)
    dark = image.point(lambda value: 255 - value).getbbox()
    assert dark is not None
    left, top, right, bottom = dark
    assert min(left, top, image.width - right, image.height - bottom) == drawn.quiet


@pytest.mark.parametrize(
    ("number", "code_format"),
    [("", CodeFormat.QR), ("王", CodeFormat.CODE128), ("x" * 5000, CodeFormat.QR)],
)
def test_a_number_that_does_not_fit_is_refused_with_the_remedy(
    number: str, code_format: CodeFormat
):
    with pytest.raises(InvalidInput, match="use letters, digits"):
        symbol(number, code_format)
