from io import BytesIO

import pytest
from PIL import Image

from channel_manager.designs.pictures import MAX_BYTES, check_picture, picture_of


def drawn(kind: str, width: int = 40, height: int = 20) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), "navy").save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(("kind", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_a_picture_is_kept_byte_for_byte(kind: str, mime: str):
    content = drawn(kind)
    picture = check_picture(content)
    assert (picture.content, picture.mime) == (content, mime)
    assert picture_of(picture.text) == picture


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a whole picture; save it as PNG or JPEG"),
        (b"<html><script>alert(1)</script>", "not a whole picture"),
        (b'<?xml version="1.0"?><svg onload="alert(1)"/>', "SVG"),
        (drawn("GIF"), "not a whole picture"),
        (drawn("WEBP"), "not a whole picture"),
        (drawn("PNG")[:-30], "not a whole picture"),
        (drawn("JPEG")[:200], "not a whole picture"),
        (drawn("PNG", 4001, 1), "4001 × 1; at most 4000"),
        (drawn("PNG", 1, 4001), "1 × 4001; at most 4000"),
        (drawn("PNG") + b"\0" * MAX_BYTES, "200,000 are taken"),
    ],
)
def test_what_is_no_small_whole_picture_is_refused(content: bytes, why: str):
    with pytest.raises(ValueError, match=why):
        check_picture(content)


@pytest.mark.parametrize(
    "text", ["data:image/png,abc", "data:image/png;base64,***", "data:", "data:image/png;base64,é"]
)
def test_a_data_address_that_holds_no_picture_is_refused(text: str):
    with pytest.raises(ValueError, match=r"base64"):
        picture_of(text)
