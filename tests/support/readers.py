"""Readers of codes that share nothing with ours: zbar, and ZXing in JavaScript."""

from base64 import b64encode

import pytest
from PIL import Image
from playwright.async_api import Page

from support.axe import REQUIRED, package_file

# What zbar can't read is read by ZXing's own port, run in the browser.
_ZBAR = {"qr", "code128"}
_READ = """([format, width, height, pixels]) => {
  const grey = Uint8ClampedArray.from(atob(pixels), (c) => c.charCodeAt(0));
  const hints = new Map([
    [ZXing.DecodeHintType.POSSIBLE_FORMATS, [ZXing.BarcodeFormat[format]]],
    [ZXing.DecodeHintType.TRY_HARDER, true],
  ]);
  const source = new ZXing.RGBLuminanceSource(grey, width, height);
  const bitmap = new ZXing.BinaryBitmap(new ZXing.HybridBinarizer(source));
  return new ZXing.MultiFormatReader().decode(bitmap, hints).getText();
}"""
_NAMES = {"aztec": "AZTEC", "datamatrix": "DATA_MATRIX"}


async def read_elsewhere(page: Page, image: Image.Image, code_format: str) -> str:
    """What another reader says of the one code in this picture; `page` lends it a browser."""
    grey = image.convert("L")
    if code_format in _ZBAR:
        return _zbar(grey)
    await page.evaluate(package_file("@zxing/library/umd/index.min.js"))
    pixels = b64encode(grey.tobytes()).decode()
    text: str = await page.evaluate(_READ, [_NAMES[code_format], *grey.size, pixels])
    return text


def _zbar(grey: Image.Image) -> str:
    try:
        from pyzbar import pyzbar  # noqa: PLC0415 - its import fails where libzbar is missing
    except ImportError:
        if REQUIRED:
            pytest.fail("libzbar is missing: apt-get install libzbar0")
        pytest.skip("needs libzbar: apt-get install libzbar0")
    (found,) = pyzbar.decode(grey)
    text: str = found.data.decode()
    return text
