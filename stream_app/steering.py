"""Steering: what an operator changes, as functions from settings to the next ones. Pure.

A ``project`` record holds all settings, and the last one counts; so whoever changes some of them
reads the last record, changes it by these, and publishes the outcome to control.v1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas import ProjectSettings
from stream_app.errors import StreamAppError


def changed(  # what there is to change
    before: ProjectSettings | None,
    fields: Mapping[str, Any],
    *,
    more_classes: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None,
    quotas: Mapping[str, int] | None = None,
    priorities: Mapping[str, int] | None = None,
) -> ProjectSettings:
    """Return settings with other ``fields``, and with what is added to those that are collections.

    More classes come behind the others, those that are there stay. An alias of an empty name is
    taken back. A stratum keeps what is not given of it, and is left out when it has nothing more.
    Raises pydantic's ValidationError on what no worker would take.
    """
    after = (before.model_dump() if before else {}) | dict(fields)
    if more_classes:
        after["classes"] = tuple(dict.fromkeys((*after.get("classes", ()), *more_classes)))
    if aliases:
        merged = {**after.get("aliases", {}), **aliases}
        after["aliases"] = {alias: name for alias, name in merged.items() if name}
    if quotas or priorities:
        after["strata"] = _strata(after.get("strata", {}), quotas or {}, priorities or {})
    return ProjectSettings(**after)


def _strata(
    before: Mapping[str, Any], quotas: Mapping[str, int], priorities: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    after = {name: dict(stratum) for name, stratum in before.items()}
    for field, given in (("quota", quotas), ("priority", priorities)):
        for name, number in given.items():
            after.setdefault(name, {})[field] = number
    return {name: stratum for name, stratum in after.items() if any(stratum.values())}


def renamed(before: ProjectSettings, old: str, new: str) -> ProjectSettings:
    """Return settings in which a class has another name, and its old one is an alias.

    Raises StreamAppError where there is no such class, or the name means another one.
    """
    if old not in before.classes:
        message = f"There is no class {old!r}; there are {', '.join(map(repr, before.classes))}."
        raise StreamAppError(message)
    if new == old:
        return before
    meant = new if new in before.classes else before.aliases.get(new, old)
    if meant != old:
        message = f"{new!r} means the class {meant!r} already."
        raise StreamAppError(message)
    aliases = {
        alias: new if name == old else name
        for alias, name in before.aliases.items()
        if alias != new
    }
    classes = tuple(new if name == old else name for name in before.classes)
    return changed(before, {"classes": classes, "aliases": aliases | {old: new}})
