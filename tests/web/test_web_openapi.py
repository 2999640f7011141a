"""The OpenAPI document: made from the table, valid, and what the server does (schemathesis)."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import booleans
from jsonschema import Draft202012Validator
from memory_ports import Stage
from schemathesis.specs.openapi.checks import positive_data_acceptance
from web_stage import TOKEN, application

from schemas import Annotation, Prediction, ProjectSettings, Topic
from stream_app.web.openapi import openapi
from stream_app.web.routes import BASE, ROUTES

DOCUMENT = openapi()
P = "animals"
OPERATIONS = [(route.method, BASE + route.path) for route in ROUTES if not route.streams]
BEYOND = [positive_data_acceptance]
"""No schema says how fields go together, and a project that does not exist is not found."""
EXAMPLES = 10


async def stage() -> Stage:
    stage = Stage()
    settings = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=2)
    await stage.publish(Topic.CONTROL, P, settings)
    for number, label in enumerate(("cat", "dog", "cat", None)):
        for who in ("ann", "bob"):
            one = Annotation(item=f"img-{number}", annotator=who, label=label)
            await stage.publish(Topic.ANNOTATIONS, P, one)
    probs = {"cat": 0.4, "dog": 0.6}
    await stage.publish(Topic.PREDICTIONS, P, Prediction(item="img-0", model="m", pred_probs=probs))
    return stage


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve a stage from a thread: schemathesis waits for answers where it asks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def serve() -> TestServer:
        server = TestServer(application(await stage()))
        await server.start_server()
        return server

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(30)
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_every_route_is_in_the_document() -> None:
    described = {
        (method.upper(), path) for path, one in DOCUMENT["paths"].items() for method in one
    }
    assert described == {(route.method, BASE + route.path) for route in ROUTES}
    for path in DOCUMENT["paths"].values():
        for operation in path.values():
            assert operation["summary"].endswith((".", ":")), operation["operationId"]


def test_all_schemas_are_json_schemas_and_all_references_lead_to_one() -> None:
    known = DOCUMENT["components"]["schemas"]
    for schema in known.values():
        Draft202012Validator.check_schema(schema)
    references = set(_references(DOCUMENT))
    assert references == {f"#/components/schemas/{name}" for name in known}


def _references(part: Any) -> Iterator[str]:
    match part:
        case dict():
            for name, value in part.items():
                if name == "$ref":
                    yield value
                else:
                    yield from _references(value)
        case list():
            for one in part:
                yield from _references(one)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_server_does_what_the_document_says(address: str, method: str, path: str) -> None:
    """Right and wrong questions alike, of a project that exists as of others."""
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]

    @given(case=operation.as_strategy(), ours=booleans())
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any, ours: bool) -> None:
        if ours and "project" in (case.query or {}):
            case.query["project"] = P
        case.call_and_validate(
            base_url=address,
            headers={"Authorization": f"Bearer {TOKEN}"},
            excluded_checks=BEYOND,
            timeout=20,
        )

    ask()
