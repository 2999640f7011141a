"""Whether one AsyncAPI document of ours keeps what another one has promised.

Inputs may only grow wider: each record that the old document allows, the new one allows and reads
alike. Outputs may only grow narrower: each record that the new document allows, a reader by the
old one understands. Open to growth are fields that the old document doesn't name and may be absent,
and the words of an enumeration of an output: docs/contracts.md tells readers to expect them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

LOWER = ("minimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
SAME = ("pattern", "format", "uniqueItems", "contentMediaType")
PARTS = ("items", "additionalProperties", "propertyNames")
SPOKEN = {"description", "title"}
KNOWN = SPOKEN | {"type", "const", "enum", "anyOf", "properties", "required", "default"}
KNOWN |= {*LOWER, *UPPER, *SAME, *PARTS}


def broken_promises(old: Schema, new: Schema) -> list[str]:
    """Return, in sentences, what a program that was written by ``old`` can't rely on any more."""
    return [*_broken(old, new)]


def _broken(old: Schema, new: Schema) -> Iterator[str]:
    for topic, channel in old["channels"].items():
        now = new["channels"].get(topic)
        if now is None:
            yield f"{topic} is gone"
            continue
        if now["address"] != channel["address"]:
            yield f"{topic} is elsewhere: {now['address']}"
        action = old["operations"][topic]["action"]
        if new["operations"][topic]["action"] != action:
            yield f"{topic} flows the other way"
        for name in channel["messages"]:
            if name in now["messages"]:
                yield from _Comparison(old, new, is_input=action == "receive").message(name)
            else:
                yield f"{topic} has no {name} any more"


@dataclass(frozen=True)
class _Comparison:
    old: Schema
    new: Schema
    is_input: bool

    def message(self, name: str) -> Iterator[str]:
        before, now = (
            document["components"]["messages"][name] for document in (self.old, self.new)
        )
        if before["contentType"] != now["contentType"]:
            yield f"{name} is not {before['contentType']} any more"
        keys = (message["bindings"]["kafka"]["key"] for message in (before, now))
        yield from self.schema(*keys, f"the key of {name}")
        for part in ("payload", "headers"):
            if part in before:
                yield from self.schema(before[part], now[part], f"{name}.{part}")

    def schema(self, before: Schema, now: Schema, where: str) -> Iterator[str]:
        """Say what of a schema is not kept; one of several alternatives is enough."""
        olds, news = _alternatives(before, self.old), _alternatives(now, self.new)
        small, large = (olds, news) if self.is_input else (news, olds)
        for one in small:
            found = [
                ([*self._alternative(one, other, where)], one.get("type") != other.get("type"))
                for other in large
            ]
            # What fits, else what is wrong with the one that was meant: the one of the same type.
            yield from min(found, key=lambda faults: (bool(faults[0]), faults[1]))[0]
        if self.is_input and before.get("default") != now.get("default"):
            yield f"{where} was {before.get('default')} where it was not said"

    def _alternative(self, small: Schema, large: Schema, where: str) -> Iterator[str]:
        if unknown := (small.keys() | large.keys()) - KNOWN:
            message = f"{where}: this comparison knows nothing of {sorted(unknown)}"
            raise NotImplementedError(message)
        if "type" in large and small.get("type") not in _kinds(large["type"]):
            yield f"{where} is {small.get('type')} where {large['type']} is understood"
            return
        if "properties" in small or "properties" in large:
            yield from self._fields(small, large, where)
        yield from self._words(small, large, where)
        yield from _limits(small, large, where)
        for part in PARTS:
            if part in large:
                before, now = (small, large) if self.is_input else (large, small)
                yield from self.schema(before.get(part, {}), now.get(part, {}), f"{where}[]")

    def _fields(self, small: Schema, large: Schema, where: str) -> Iterator[str]:
        for name in sorted({*large.get("required", ())} - {*small.get("required", ())}):
            yield f"{where}.{name} " + ("must be there" if self.is_input else "may be absent")
        before, now = (small, large) if self.is_input else (large, small)
        for name, schema in before.get("properties", {}).items():
            if name in now.get("properties", {}):
                yield from self.schema(schema, now["properties"][name], f"{where}.{name}")
            else:
                yield f"{where}.{name} is gone"

    def _words(self, small: Schema, large: Schema, where: str) -> Iterator[str]:
        understood = _said(large)
        if understood is None or ("const" not in large and not self.is_input):
            return
        said = _said(small)
        for word in [None] if said is None else said:
            if word not in understood:
                yield f"{where} may be {word!r}, which is not understood"


def _limits(small: Schema, large: Schema, where: str) -> Iterator[str]:
    for name in LOWER:
        if name in large and small.get(name, float("-inf")) < large[name]:
            yield f"{where} may be below {name} {large[name]}"
    for name in UPPER:
        if name in large and small.get(name, float("inf")) > large[name]:
            yield f"{where} may be above {name} {large[name]}"
    for name in SAME:
        if name in large and small.get(name) != large[name]:
            yield f"{where} may be without {name} {large[name]}"


def _alternatives(schema: Schema, document: Schema) -> list[Schema]:
    """Return the schemas of which a value must have one, references followed."""
    if "$ref" in schema:
        part: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            part = part[step]
        return _alternatives(part, document)
    if "anyOf" in schema:
        return [one for part in schema["anyOf"] for one in _alternatives(part, document)]
    return [schema]


def _kinds(kind: str) -> tuple[str, ...]:
    return (kind, "integer") if kind == "number" else (kind,)


def _said(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")
