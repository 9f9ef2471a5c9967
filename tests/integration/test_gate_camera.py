"""Codes read by the server in a camera's picture."""

from io import BytesIO

import pytest
from PIL import Image

from channel_manager.access.permissions import Permission
from channel_manager.gate.camera import MAX_BYTES
from channel_manager.manifests.codes import symbol
from channel_manager.manifests.view import CodeFormat
from support import castle
from support.castle import COMPANY_PATH

READ = f"{COMPANY_PATH}/speedgate/read"
NUMBER = "TK-000123-8F3K"


def encoded(image: Image.Image, kind: str = "JPEG") -> bytes:
    file = BytesIO()
    image.save(file, kind)
    return file.getvalue()


async def read(client, picture: bytes, kind: str = "image/jpeg"):
    return await client.post(READ, content=picture, headers={"content-type": kind})


@pytest.mark.parametrize("code_format", CodeFormat)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
async def test_each_kind_of_code_is_read(client, code_format, kind):
    scene = Image.new("RGB", (800, 600), "gray")
    scene.paste(symbol(NUMBER, code_format).image(scale=3).rotate(4, expand=True), (60, 80))
    reply = await read(client, encoded(scene, kind), f"image/{kind.lower()}")
    assert (reply.status_code, reply.json()) == (200, {"codes": [NUMBER]})


async def test_two_codes_in_one_picture_and_none(client):
    scene = Image.new("L", (800, 400), 255)
    for n in range(2):
        scene.paste(symbol(f"TK-{n}", CodeFormat.QR).image(scale=6), (n * 400, 0))
    assert sorted((await read(client, encoded(scene))).json()["codes"]) == ["TK-0", "TK-1"]
    nothing = Image.new("L", (800, 400), 128)
    assert (await read(client, encoded(nothing))).json() == {"codes": []}


@pytest.mark.parametrize(
    ("picture", "kind", "status"),
    [
        (b"", "image/jpeg", 400),
        (b"hello", "image/jpeg", 400),
        (encoded(Image.new("L", (99, 99)))[:-40], "image/jpeg", 400),
        (encoded(Image.new("L", (9, 9)), "GIF"), "image/png", 400),
        (encoded(Image.new("1", (4001, 1000)), "PNG"), "image/png", 400),
        (b"\xff" * (MAX_BYTES + 1), "image/jpeg", 413),
        (b"{}", "application/json", 415),
        (b"<svg/>", "image/svg+xml", 415),
    ],
)
async def test_what_is_no_small_picture_is_refused(client, picture, kind, status):
    reply = await read(client, picture, kind)
    assert reply.status_code == status
    assert reply.json()["message"]


async def test_only_a_key_for_the_gate_may_have_pictures_read(client, database, company_id):
    client.headers["x-np-api-key"] = await castle.make_key(
        database, company_id, permissions=(Permission.ORDERS_READ,)
    )
    assert (await read(client, b"")).status_code == 403
    client.headers["x-np-api-key"] = "nope"
    assert (await read(client, b"")).status_code == 401
