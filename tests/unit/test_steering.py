"""Steering: settings after what an operator asks for, or a sentence why not."""

import pytest
from pydantic import ValidationError

from schemas import ProjectSettings, Stratum
from stream_app.errors import StreamAppError
from stream_app.steering import changed, renamed


def settings(**changes: object) -> ProjectSettings:
    base = {"classes": ("cat", "dog"), "models": ("m",), "budget": 5}
    return ProjectSettings.model_validate(base | changes)


def test_what_is_not_given_stays() -> None:
    before = settings(seed="s", strata={"x": {"quota": 5}}, aliases={"kitty": "cat"})
    assert changed(before, {}) == before
    assert changed(before, {"budget": 7}) == before.model_copy(update={"budget": 7})


def test_a_new_project_is_made_of_what_is_given() -> None:
    fields = {"classes": ("cat", "dog"), "models": ("m",), "budget": 5}
    assert changed(None, fields, quotas={"x": 30}) == settings(strata={"x": {"quota": 30}})
    with pytest.raises(ValidationError):
        changed(None, {}, more_classes=["cat"])


def test_more_classes_come_behind_the_others_once() -> None:
    assert changed(settings(), {}, more_classes=["eel", "cat"]).classes == ("cat", "dog", "eel")


def test_an_alias_is_added_and_taken_back() -> None:
    before = settings(aliases={"kitty": "cat"})
    after = changed(before, {}, aliases={"hound": "dog", "kitty": ""})
    assert after.aliases == {"hound": "dog"}


def test_of_a_stratum_only_what_is_given_changes_and_one_without_anything_goes() -> None:
    before = settings(strata={"x": {"quota": 30, "priority": 1}, "y": {"quota": 5}})
    after = changed(before, {}, quotas={"x": 20, "y": 0}, priorities={"z": -1})
    assert after.strata == {"x": Stratum(quota=20, priority=1), "z": Stratum(priority=-1)}


def test_a_class_keeps_its_place_and_every_name_that_it_ever_had() -> None:
    first = renamed(settings(), "cat", "feline")
    assert (first.classes, first.aliases) == (("feline", "dog"), {"cat": "feline"})
    second = renamed(first, "feline", "felid")
    assert (second.classes, second.aliases) == (
        ("felid", "dog"),
        {"cat": "felid", "feline": "felid"},
    )
    back = renamed(second, "felid", "cat")
    assert (back.classes, back.aliases) == (("cat", "dog"), {"feline": "cat", "felid": "cat"})
    assert renamed(first, "dog", "dog") == first


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("eel", "fish", "no class 'eel'; there are 'cat', 'dog'"),
        ("kitty", "feline", "no class 'kitty'"),
        ("cat", "dog", "'dog' means the class 'dog' already"),
        ("dog", "kitty", "'kitty' means the class 'cat' already"),
    ],
)
def test_a_name_that_means_another_class_is_refused(old: str, new: str, why: str) -> None:
    with pytest.raises(StreamAppError, match=why):
        renamed(settings(aliases={"kitty": "cat"}), old, new)
