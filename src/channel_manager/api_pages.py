"""The API's description to read and try out, by Swagger UI.

Its script comes with the package fastapi-offline and is served from here, so that the page works
without the internet and under a policy that lets no other script run.
"""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response

from channel_manager.errors import NotFound

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>OTA Channel Manager</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});
"""
_TYPES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
}
# It writes style elements; no script but these runs, and nothing is fetched from elsewhere.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'"
    " 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; font-src data:;"
    " form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-cache",
}


@router.get("/docs")
async def docs() -> Response:
    """The API to try out."""
    return Response(_PAGE, media_type="text/html; charset=utf-8", headers=_HEADERS)


@router.get("/docs/start.js")
async def start() -> Response:
    """Starts the page."""
    return Response(_START, media_type="text/javascript; charset=utf-8", headers=_HEADERS)


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    """The page's script or style."""
    if name not in _TYPES:
        raise NotFound("There is nothing at this address.")
    return Response(_content(name), media_type=_TYPES[name], headers=_HEADERS)


@cache
def _content(name: str) -> bytes:
    return files("fastapi_offline").joinpath("static", name).read_bytes()
