"""The OpenAPI document: FastAPI's, made true to what the service really answers."""

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from channel_manager.access.route import COMPANY_PREFIX
from channel_manager.request_id import RequestId
from channel_manager.response_headers import ResponseHeaders
from channel_manager.responses import ErrorOut

Document = dict[str, Any]

SECURITY: list[dict[str, list[str]]] = [{"apiKey": []}, {"bearer": []}]
SECURITY_SCHEMES: Document = {
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-np-api-key",
        "description": "A key of the venue's, shown once when it was made.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key."},
}
VERSION_PARAMETER: Document = {
    "name": "x-api-version",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "YYYY-MM-DD; echoed. There is one version, told in x-api-version-served.",
}
# The route reads them from the path itself, so FastAPI knows nothing of them.
ADDRESS_PARAMETERS: list[Document] = [
    {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "description": description,
    }
    for name, description in (
        ("tenant", "The tenant's UUID."),
        ("environment", "The environment, such as production."),
        ("company", "The company's name, percent-encoded once or twice."),
    )
]
_TEXT: Document = {"schema": {"type": "string"}}
_NUMBER: Document = {"schema": {"type": "string", "pattern": "^[0-9]+$"}}
REQUEST_ID: Document = {"x-request-id": {**_TEXT, "description": "Name it when asking for help."}}
COMPANY_HEADERS: Document = {
    "x-api-version": _TEXT,
    "x-api-version-served": _TEXT,
}
LIMIT_HEADERS: Document = {
    "RateLimit-Limit": {**_NUMBER, "description": "Requests per window."},
    "RateLimit-Remaining": {**_NUMBER, "description": "Requests left in this window."},
    "RateLimit-Reset": {**_NUMBER, "description": "Seconds until the window ends."},
}
# What a created thing may be used for next: links that generated clients and test tools follow.
LINKS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "createOrder": (
        "order_id",
        "$response.body#/orderId",
        ("getOrder", "replaceOrder", "confirmOrder", "deleteOrder"),
    ),
    "createWebhook": (
        "subscription_id",
        "$response.body#/id",
        ("getWebhook", "deleteWebhook"),
    ),
    "createKey": ("key_id", "$response.body#/id", ("rotateKey", "revokeKey")),
}


class Application(FastAPI):
    """FastAPI with an OpenAPI document that holds, and with headers on every reply."""

    def build_middleware_stack(self) -> ASGIApp:
        """FastAPI's, wrapped once more: else the reply to a fault of ours would go without."""
        return RequestId(ResponseHeaders(super().build_middleware_stack()))

    def openapi(self) -> Document:
        """The document; made once."""
        if not self.openapi_schema:
            self.openapi_schema = _made_true(super().openapi())
        return self.openapi_schema


def _made_true(document: Document) -> Document:
    schemas = document["components"]["schemas"]
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    operations = [
        (path, operation)
        for path, methods in document["paths"].items()
        for operation in methods.values()
    ]
    names = {operation["operationId"] for _, operation in operations}
    for path, operation in operations:
        _correct(operation, names, in_company=path.startswith(COMPANY_PREFIX))
    # FastAPI's own 422, which is never sent: invalid input is 400.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    error = ErrorOut.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(error.pop("$defs"), ErrorOut=error)
    return document


def _correct(operation: Document, names: set[str], *, in_company: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    if in_company:
        operation["security"] = SECURITY
        own = operation.get("parameters", [])
        operation["parameters"] = [*ADDRESS_PARAMETERS, *own, VERSION_PARAMETER]
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        headers.update(REQUEST_ID)
        if in_company:
            headers.update(COMPANY_HEADERS)
            if status not in ("401", "408", "413", "503"):
                headers.update(LIMIT_HEADERS)
        if status in ("429", "503"):
            headers["Retry-After"] = {**_NUMBER, "description": "Seconds to wait."}
    parameter, source, targets = LINKS.get(operation["operationId"], ("", "", ()))
    for target in targets:
        if target in names:
            _success(responses).setdefault("links", {})[target] = {
                "operationId": target,
                "parameters": {parameter: source},
            }


def _success(responses: Document) -> Document:
    found: Document = next(value for status, value in responses.items() if status.startswith("2"))
    return found
