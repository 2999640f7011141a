"""The table of routes: all that the API answers, in one place; the rest is read off the functions.

A function takes the site, its question (``query``) and perhaps a ``body``, and returns its answer;
its docstring is what the OpenAPI document says of it.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_type_hints

from pydantic import BaseModel

from stream_app.web import controls, gather, live, reads

BASE = "/api/v1"


@dataclass(frozen=True)
class Route:
    """One endpoint; it writes if it takes a body."""

    method: str
    path: str
    endpoint: Callable[..., Any]
    streams: bool = False

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.endpoint)

    @property
    def query(self) -> type[BaseModel]:
        """The model of its question."""
        model: type[BaseModel] = self._hints["query"]
        return model

    @property
    def body(self) -> type[BaseModel] | None:
        """The model of its body."""
        return self._hints.get("body")

    @property
    def answer(self) -> type[BaseModel]:
        """The model of its answer."""
        model: type[BaseModel] = self._hints["return"]
        return model

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self.body is not None

    @property
    def sentences(self) -> str:
        """What it does."""
        return inspect.getdoc(self.endpoint) or ""


ROUTES = (
    Route("GET", "/projects", gather.projects),
    Route("GET", "/project", reads.project),
    Route("GET", "/ranking", reads.ranking),
    Route("GET", "/item", reads.item),
    Route("GET", "/selections", reads.selections),
    Route("GET", "/annotators", reads.annotators),
    Route("GET", "/windows", reads.windows),
    Route("GET", "/dead-letters", reads.dead_letters),
    Route("GET", "/events", live.events, streams=True),
    Route("PATCH", "/project", controls.set_project),
    Route("POST", "/pause", controls.pause),
    Route("POST", "/resume", controls.resume),
    Route("POST", "/rename-class", controls.rename_class),
    Route("POST", "/close", controls.close),
    Route("POST", "/next", controls.next_for),
    Route("POST", "/items", controls.items),
)
