"""What is answered instead of an answer: RFC 9457 problems, and the reasons for them."""

from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from stream_app.web.wire import dumped

TITLES = {
    400: "Not a question that this endpoint answers",
    401: "A token is needed",
    403: "Not for you",
    404: "There is no such thing",
    405: "Not this method",
    413: "Too large",
    415: "Not JSON",
    422: "Not what this endpoint takes",
    500: "A fault of ours",
    502: "The worker that owns the project did not answer",
    503: "Not now",
}


class Problem(BaseModel):
    """Why there is no answer."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["about:blank"] = "about:blank"
    title: str
    status: int
    detail: str
    """A sentence for whoever reads it."""


class Declined(Exception):
    """A request is not answered; ``retry_after`` (seconds) says when to ask again."""

    def __init__(self, status: int, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


class Elsewhere(Exception):
    """Another worker owns the project, by what it advertised; None: nobody does right now."""

    def __init__(self, url: str | None) -> None:
        super().__init__(url)
        self.url = url


def not_now(detail: str) -> Declined:
    """Decline what a moment later may be answered."""
    return Declined(503, detail, retry_after=1)


def invalid(status: int, error: ValidationError) -> Declined:
    """Decline what a model does not take, by the first field that is wrong."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return Declined(status, f"{place}: {said}." if place else f"{said}.")


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return a problem as a response."""
    body: Any = Problem(title=TITLES.get(status, "No answer"), status=status, detail=detail)
    return web.Response(
        status=status,
        body=dumped(body),
        content_type="application/problem+json",
        headers=headers,
    )


def of_declined(declined: Declined) -> web.Response:
    """Return the problem of a request that is declined."""
    headers = {}
    if declined.retry_after is not None:
        headers["Retry-After"] = str(declined.retry_after)
    if declined.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(declined.status, declined.detail, headers)
