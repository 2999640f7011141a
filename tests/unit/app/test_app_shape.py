"""Columns that projects share: what one of them has left in them is no other's."""

import numpy as np

from schemas import ProjectSettings
from stream_app.facts import ANNOTATION
from stream_app.project import Ledger, Project
from stream_app.shape import Shape

SETTINGS = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=2)
EARLY = np.array([3], np.uint64)


def test_of_a_project_that_is_forgotten_nothing_is_left_and_of_others_all() -> None:
    shape = Shape(num_classes=2, num_models=1)
    gone, stays = (Project(name, SETTINGS, Ledger(), shape) for name in ("p", "q"))
    for project in (gone, stays):
        places = project.pool.places(["i"])
        project.pool.set_labels(places, ["ann"], [1])
        shape.said.put(places, 7)
        shape.latest.put(ANNOTATION, places, np.array([5], np.uint64))
        shape.strata.put(places, ["hard"])
    (before,), (kept,) = gone.pool.places(["i"]), stays.pool.places(["i"])

    shape.forget(gone.pool.number)
    new = Project("r", SETTINGS, Ledger(), shape)
    places = new.pool.places(["i"])
    assert places.tolist() == [before]
    assert not new.pool.alive(places).any()
    assert new.pool.answers(["i"]) == [[]]
    assert shape.said.at(places).tolist() == [0]
    assert shape.latest.precedes(ANNOTATION, places, EARLY).all()
    assert shape.strata.of(places) == [None]

    places = np.array([kept])
    assert stays.pool.answers(["i"]) == [["ann"]]
    assert stays.pool.num_labels == 1
    assert shape.said.at(places).tolist() == [7]
    assert not shape.latest.precedes(ANNOTATION, places, EARLY).any()
    assert shape.strata.of(places) == ["hard"]
