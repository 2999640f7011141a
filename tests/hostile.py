"""Events that are nearly right: valid ones of every type, changed at some places, however deep."""

import json
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from wire_builders import body, predictions, project

LONG = "é" * 300
NAMES = st.sampled_from(["i", "j", "cat", "dog", " ", LONG])
TIMES = st.sampled_from(
    [None, "2025-11-24T12:00:00Z", "2025-11-24T16:05:00Z", "2025-11-24T17:00:00.123456+01:00"]
)
ANSWERS = st.fixed_dictionaries(
    {"item": NAMES, "annotator": NAMES, "label": st.none() | NAMES}, optional={"time": TIMES}
)
SHARES = st.sampled_from([[1, 0], [0.25, 0.75], [0.5, 0.5004], [0.3333, 0.6667], [0.0, 1.0]])
VERSIONS = st.sampled_from([None, 0, 7, 2**63 - 1])


def typed(kind: str, fields: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    always = {"type": st.just(kind), "schema_version": st.just(1), **fields}
    return st.fixed_dictionaries(always, optional=optional)


@st.composite
def columns(draw: st.DrawFn) -> dict[str, Any]:
    rows = draw(st.lists(SHARES, max_size=5))
    items = [draw(NAMES) for _ in rows]
    classes = draw(st.sampled_from([["cat", "dog"], ["dog", "cat"], ["x", LONG]]))
    version = draw(VERSIONS)
    return predictions(rows, items=items, classes=classes, version=version, model=draw(NAMES))


VALID = st.one_of(
    ANSWERS.map(lambda answer: body("annotation", **answer)),
    typed("annotations", {"rows": st.lists(ANSWERS, max_size=5)}, time=TIMES),
    typed("retraction", {"item": NAMES, "annotator": NAMES}, time=TIMES),
    typed(
        "prediction",
        {
            "item": NAMES,
            "model": NAMES,
            "pred_probs": SHARES.map(lambda row: dict(zip(("dog", "cat"), row, strict=True))),
        },
        version=VERSIONS,
    ),
    columns(),
    typed(
        "items",
        {
            "items": st.lists(NAMES, max_size=5),
            "status": st.sampled_from(["registered", "excluded"]),
        },
        time=TIMES,
        stratum=st.none() | NAMES,
    ),
    st.sampled_from(
        [
            project(),
            project(method="activelab_ensemble", models=["m", "n"], window_seconds=60),
            project(aliases={"kitty": "cat"}, strata={"x": {"quota": 30}}, quality_target=0.9),
            body("close", cause="request", request_id="r", budget=0, annotator="a"),
            body("close", cause="boundary", boundary="2025-11-24T12:00:00Z"),
        ]
    ),
)
ODD = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 7, 2**63, 2**64, 10**30, 0.5, -0.0, 1.5, 1e-9, 1e308),
        *("", "x", "cat", LONG, "é" * 513, "\u0000", "now", "2025-11-24", "1", "registered"),
        *("2025-11-24T12:00:00", "2025-11-24T16:05:00.000001Z", "0001-01-01T00:00:00+01:00"),
        *([], {}, [[]], ["x"], [0.5, 0.5], ["cat", "cat"], {"x": 1}, [[1, 0]], [{}], [None]),
        *("annotation", "annotations", "prediction", "predictions", "items", "close", "project"),
        *(float("nan"), float("inf")),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """Draw a valid record and change it at some places, however deep."""
    event = json.loads(json.dumps(draw(VALID)))
    for _ in range(draw(st.integers(0, 3))):
        node = event
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if not isinstance(node[key], dict | list) or draw(st.booleans()):
                change(draw, node, key)
                break
            node = node[key]
    return event


def change(draw: st.DrawFn, node: Any, key: Any) -> None:
    match draw(st.sampled_from(["replace", "remove", "add", "repeat"])):
        case "replace":
            node[key] = deepcopy(draw(ODD))
        case "remove":
            del node[key]
        case "add" if isinstance(node, dict):
            node[draw(st.sampled_from(["time", "version", "budget", "unknown"]))] = deepcopy(
                draw(ODD)
            )
        case "repeat" if isinstance(node, list):
            node.append(node[key])
