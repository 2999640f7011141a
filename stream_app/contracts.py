"""What other programs may rely on, as documents: AsyncAPI 3, and a JSON Schema a record type.

Made from the models of `schemas` and the map in `stream_app.topology`, for one deployment: with its
names of topics and its partitions. As AsyncAPI has it, all is said from the service's side: it
receives the inputs, and sends the outputs. The changelog is nobody else's, so it is not in there.
"""

from typing import Any

from schemas import MAX_ID_BYTES, Reason, Topic
from schemas.export import RECORDS, json_schema, record_schemas
from stream_app.settings import Settings
from stream_app.topology import SOURCES, TopicPlan, changelog, plans

JSON = "application/json"
WIRE = "1"
"""The version of the wire; it grows under the same number (docs/contracts.md)."""
BINDING = {"bindingVersion": "0.5.0"}
"""Of AsyncAPI's vocabulary for Kafka."""
COMPONENTS = "#/components/schemas/"
DEAD_LETTER = "dead_letter"

_ID = {"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES}
_KEYS: dict[str, dict[str, Any]] = {
    "project": {**_ID, "description": "The project's id in UTF-8, as it is."},
    "of the record": {"type": "string", "description": "The record's, whatever it was."},
}
_PAIR = {"type": "string", "description": "A compact JSON list of the project's id and the name: "}
_WHOLE = {"type": "string", "pattern": "^[0-9]+$"}
_LETTER_HEADERS: dict[str, dict[str, Any]] = {
    "topic": {"type": "string", "enum": [*SOURCES], "description": "Where the record is."},
    "partition": _WHOLE,
    "offset": _WHOLE,
    "reason": {
        "type": "string",
        "enum": [*Reason],
        "description": "Why it was not accepted; absent where only rows of it were not.",
    },
    "rows": {
        "type": "string",
        "contentMediaType": JSON,
        "description": "A list of [row, reason]: the rows that were not accepted.",
    },
    "home": {**_WHOLE, "description": "The right partition, where it was at a wrong one."},
    "sha256": {
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
        "description": "Of a value that is too long to be repeated.",
    },
}


def documents(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the contracts of a deployment by the names of their files."""
    schemas = {f"{name}.json": schema for name, schema in record_schemas().items()}
    return {"asyncapi.json": asyncapi(settings), **schemas}


def asyncapi(settings: Settings) -> dict[str, Any]:
    """Return the AsyncAPI document of a deployment."""
    private = changelog(settings.app_id)
    public = [plan for plan in plans(settings.app_id) if plan.topic != private]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "activelab-stream",
            "version": WIRE,
            "description": "Labels and predictions in, ranked lists of the items that are worth one"
            " more label out. Readers of the outputs need isolation.level=read_committed.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": JSON,
        "servers": {
            f"kafka-{number}": {"host": host.strip(), "protocol": _protocol(settings)}
            for number, host in enumerate(settings.bootstrap_servers.split(","), start=1)
        },
        "channels": {plan.topic: _channel(plan, settings) for plan in public},
        "operations": {plan.topic: _operation(plan, settings) for plan in public},
        "components": {"messages": _messages(public), "schemas": _components()},
    }


def _protocol(settings: Settings) -> str:
    return "kafka-secure" if settings.security_protocol.endswith("SSL") else "kafka"


def _types(topic: str) -> list[str]:
    """Return the types of what is on a topic."""
    return [DEAD_LETTER] if topic == Topic.DEAD_LETTERS else [*RECORDS[Topic(topic)]]


def _channel(plan: TopicPlan, settings: Settings) -> dict[str, Any]:
    return {
        "address": settings.topic(plan.topic),
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in _types(plan.topic)
        },
        "bindings": {
            "kafka": {
                "partitions": settings.partitions,
                "replicas": settings.replication_factor,
                "topicConfiguration": {
                    name: _configured(name, value) for name, value in plan.config.items()
                },
                **BINDING,
            }
        },
    }


def _configured(name: str, value: str) -> object:
    """Return a topic's config as AsyncAPI has it: numbers, and a list of policies."""
    if name == "cleanup.policy":
        return [value]
    return int(value) if value.lstrip("-").isdigit() else value


def _operation(plan: TopicPlan, settings: Settings) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{plan.topic}"}
    if plan.topic not in SOURCES:
        return {"action": "send", "channel": channel}
    group = {"groupId": {"type": "string", "const": settings.app_id}, **BINDING}
    return {"action": "receive", "channel": channel, "bindings": {"kafka": group}}


def _messages(public: list[TopicPlan]) -> dict[str, Any]:
    return {name: _message(plan, name) for plan in public for name in _types(plan.topic)}


def _message(plan: TopicPlan, name: str) -> dict[str, Any]:
    key = _KEYS.get(plan.key) or {**_PAIR, "description": _PAIR["description"] + plan.key}
    bindings = {"kafka": {"key": key, **BINDING}}
    if name == DEAD_LETTER:
        return {
            "name": name,
            "summary": "A record that was not accepted, or rows of it.",
            "contentType": "application/octet-stream",
            "headers": {
                "type": "object",
                "required": ["topic", "partition", "offset"],
                "properties": _LETTER_HEADERS,
            },
            "payload": {
                "description": "The record's own bytes; beyond 256 KiB a JSON object that describes"
                " them, and then the header sha256 is there."
            },
            "bindings": bindings,
        }
    payload: dict[str, Any] = {"$ref": COMPONENTS + name}
    if plan.cleanup == "compact":
        tombstone = {"type": "null", "description": "A tombstone: there is no such thing any more."}
        payload = {"anyOf": [payload, tombstone]}
    return {"name": name, "contentType": JSON, "payload": payload, "bindings": bindings}


def _components() -> dict[str, Any]:
    """Return the schemas of all records by type, and by name those of the models inside of them."""
    components: dict[str, Any] = {}
    for models in RECORDS.values():
        for name, model in models.items():
            schema = json_schema(model, definitions=COMPONENTS)
            components |= schema.pop("$defs", {})
            components[name] = schema
    return components
