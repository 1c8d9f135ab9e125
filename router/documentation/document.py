"""The OpenAPI document: the application's own routes, with the schemas they refer to."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from router.documentation.chat import CHAT
from router.documentation.faces import FACE_OPERATIONS, FACES
from router.documentation.operations import OPERATIONS
from router.documentation.service import SERVICE

_DESCRIPTION = """One chat request with tools in, any provider out, unified tool calls back.

Every example works as it stands: the provider `scripted` plays a script and needs no key."""

_SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A router key, where OpenAI's clients put theirs."},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "Where Anthropic's do."},
    "x-goog-api-key": {"type": "apiKey", "in": "header", "name": "x-goog-api-key", "description": "Where Google's do."},
}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The document, made once for each application."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version=app.openapi_version,
            description=_DESCRIPTION,
            routes=app.routes,
        )
        operations = {**OPERATIONS, **FACE_OPERATIONS}
        for methods in document["paths"].values():
            for operation in methods.values():
                operation.update(operations[operation["operationId"]].bodies)
        schemas = dict(sorted({**CHAT, **SERVICE, **FACES}.items()))
        document["components"] = {"schemas": schemas, "securitySchemes": _SECURITY_SCHEMES}
        app.openapi_schema = document
    return app.openapi_schema
