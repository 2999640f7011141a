"""Options that say which deployment a command talks to: made from `Settings`, their one source.

A command takes ``settings`` as its first parameter and is decorated with `with_settings`; a
coroutine is run. Each option is its field: name, type, default, description, STREAM_APP_*.
"""

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from typing import Annotated, Any, Concatenate, ParamSpec

import typer
from pydantic import ValidationError

from stream_app.settings import SECRET, Settings, variable

P = ParamSpec("P")
Command = Callable[Concatenate[Settings, P], Coroutine[Any, Any, None] | None]

COMMON = ("bootstrap_servers", "topic_prefix", "app_id")
"""What every client of a deployment has to know."""
EVERY = tuple(name for name in Settings.model_fields if name not in SECRET)
PANEL = "Deployment (the same for every command)"


def with_settings(*names: str) -> Callable[[Command[P]], Callable[..., None]]:
    """Give a command the options of the common settings and of those named, and run it."""
    fields = COMMON + tuple(name for name in names if name not in COMMON)

    def decorate(command: Command[P]) -> Callable[..., None]:
        @wraps(command)
        def run(*args: P.args, **given: P.kwargs) -> None:
            settings = deployed({name: given.pop(name) for name in fields})
            running = command(settings, *args, **given)
            if running is not None:
                # A client says in one sentence what its library would say in twenty lines.
                logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
                asyncio.run(running)

        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        parameters = [*own, *map(_option, fields)]
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
        )
        return run

    return decorate


def _option(name: str) -> inspect.Parameter:
    """Return the option of a field of the settings."""
    field = Settings.model_fields[name]
    option = typer.Option(
        help=field.description,
        envvar=variable(name),
        rich_help_panel=PANEL if name in COMMON else None,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=field.default,
        annotation=Annotated[field.annotation, option],
    )


def deployed(given: Mapping[str, Any]) -> Settings:
    """Return settings as options and environment give them; a wrong one is a usage error."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise usage_error(error) from error


_SINGULAR = {"aliases": "alias", "strata": "quota"}
"""Settings whose options give one at a time."""


def usage_error(error: ValidationError) -> typer.BadParameter:
    """Say of the first invalid field what is wrong with it, by the name of its option."""
    first = error.errors(include_url=False)[0]
    said = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return typer.BadParameter(f"{said}.")
    name, *_, last = str(first["loc"][0]), str(first["loc"][-1])
    name = last if last in ("quota", "priority") else _SINGULAR.get(name, name)
    hint = variable(name) if name in SECRET else f"--{name.replace('_', '-')}"
    given = "" if first["type"] == "missing" else f" (given: {first['input']!r})"
    return typer.BadParameter(f"{said}{given}.", param_hint=hint)
