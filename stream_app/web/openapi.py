"""The OpenAPI 3.1 document of the API, made from the table of routes and the models it names."""

from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel

from schemas.compact import dumps
from schemas.export import json_schema
from stream_app.web.problems import TITLES, Problem
from stream_app.web.routes import BASE, ROUTES, Route

DEFINITIONS = "#/components/schemas/"
DECLINED = {400, 401, 403, 404, 502, 503}
"""What any endpoint may answer instead."""
DECLINED_BODY = {413, 415, 422}
"""And one with a body."""

Document = dict[str, Any]


def openapi() -> Document:
    """Return the document."""
    known: Document = {}
    paths: dict[str, Document] = {}
    for route in ROUTES:
        paths.setdefault(BASE + route.path, {})[route.method.lower()] = _operation(route, known)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "activelab-stream",
            "version": version("activelab-stream"),
            "description": "Watch projects and steer them. Any worker answers for all of them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(known.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


@cache
def encoded() -> bytes:
    """Return the document as it is served."""
    return dumps(openapi())


def _operation(route: Route, known: Document) -> Document:
    summary, _, more = route.sentences.partition("\n\n")
    operation: Document = {
        "operationId": route.endpoint.__name__,
        "summary": " ".join(summary.split()),
        "parameters": _parameters(route.query),
        "responses": {"200": _success(route, known)},
        # Reads are free on the worker's own machine.
        "security": [{"token": []}] if route.writes else [{}, {"token": []}],
    }
    if more:
        operation["description"] = " ".join(more.split())
    if route.body is not None:
        schema = {"$ref": _defined(route.body, known, taken=True)}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    problem = {"application/problem+json": {"schema": {"$ref": _defined(Problem, known)}}}
    for status in sorted(DECLINED | (DECLINED_BODY if route.writes else set())):
        operation["responses"][str(status)] = {"description": TITLES[status], "content": problem}
    return operation


def _success(route: Route, known: Document) -> Document:
    if route.streams:
        said: Document = {"text/event-stream": {"schema": {"type": "string"}}}
    else:
        said = {"application/json": {"schema": {"$ref": _defined(route.answer, known)}}}
    return {"description": "The answer.", "content": said}


def _parameters(query: type[BaseModel]) -> list[Document]:
    schema = json_schema(query, definitions=DEFINITIONS, taken=True)
    return [
        {
            "name": name,
            "in": "query",
            "required": query.model_fields[name].is_required(),
            "schema": _without_null(of),
        }
        for name, of in schema.get("properties", {}).items()
    ]


def _without_null(schema: Document) -> Document:
    """Return the schema of a parameter: one that is null is left out."""
    kinds = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if not kinds:
        return schema
    rest = {name: of for name, of in schema.items() if name not in ("anyOf", "default")}
    return {**kinds[0], **rest}


def _defined(model: type[BaseModel], known: Document, *, taken: bool = False) -> str:
    """Define a model and all that it is made of; return where."""
    schema = json_schema(model, definitions=DEFINITIONS, taken=taken)
    parts = schema.pop("$defs", {})
    known.update(parts)
    known[model.__name__] = schema
    if taken:
        for one in (schema, *parts.values()):
            if one.get("type") == "object" and "properties" in one:
                one["additionalProperties"] = False
    return DEFINITIONS + model.__name__
