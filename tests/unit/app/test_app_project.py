"""A project in memory: predictions over its classes, and its record in the table."""

import numpy as np
import pytest

from activelab import Mode, activelab
from schemas import ProjectSettings
from stream_app.canonical import canonical
from stream_app.project import Ledger, Project


def test_a_listed_class_that_is_missing_has_probability_zero() -> None:
    given = np.array([[0.4, 0.6]], np.float32)
    probs, alive = canonical(given, ("a", "c"), ("c", "b", "a"))
    np.testing.assert_array_equal(probs, np.array([[0.6, 0.0, 0.4]], np.float32))
    assert alive.all()


def test_mass_on_unlisted_classes_is_dropped_and_the_rest_renormalised() -> None:
    given = np.array([[0.25, 0.25, 0.5], [0.0, 0.0, 1.0]], np.float32)
    probs, alive = canonical(given, ("a", "b", "x"), ("a", "b"))
    np.testing.assert_array_equal(probs[0], np.array([0.5, 0.5], np.float32))
    assert alive.tolist() == [True, False]


def test_a_projects_record_is_read_as_it_was_written() -> None:
    settings = ProjectSettings(classes=("a", "b"), models=("m",), budget=3, window_seconds=60)
    ledger = Ledger(next_window=4, last_boundary=7, spent=2, epoch=9, closed_at=11)
    assert Project.decode(Project("p", settings, ledger).encode()) == (settings, ledger)


@pytest.mark.parametrize(("before", "after"), [("strict", "robust"), ("robust", "strict")])
def test_a_change_of_mode_fits_anew_and_keeps_the_pool(before: str, after: str) -> None:
    settings = ProjectSettings(classes=("a", "b"), models=("m",), budget=3, mode=before)
    project = Project("p", settings, Ledger())
    project.pool.set_labels(["i", "i", "j"], ["ann", "bob", "ann"], [0, 1, 1])
    project.renew_epoch()
    project.adopt(settings.model_copy(update={"mode": after}))
    assert (project.ledger.epoch, project.unsaved) == (2, True)
    batch = activelab(project.pool.columns(), mode=Mode(after)).activelab_score
    assert project.pool.score(["i", "j"]).activelab_score.tolist() == batch.tolist()


def test_settings_that_do_not_say_how_to_fit_do_not_fit() -> None:
    settings = ProjectSettings(classes=("a", "b"), models=("m",), budget=3)
    project = Project("p", settings, Ledger())
    project.adopt(settings.model_copy(update={"budget": 7}))
    assert (project.settings.budget, project.ledger.epoch) == (7, 0)
