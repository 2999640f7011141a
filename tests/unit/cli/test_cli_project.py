"""Lists of names on the command line, names with numbers, and how settings are shown."""

import re

import pytest
import typer
from pydantic import ValidationError

from schemas import ProjectSettings, Stratum
from stream_app.cli.changes import names, numbers, pairs
from stream_app.cli.options import usage_error
from stream_app.cli.sheets import settings_sheet


@pytest.mark.parametrize(
    ("given", "want"),
    [
        (["cat,dog"], ("cat", "dog")),
        (["cat", "dog, eel"], ("cat", "dog", "eel")),
        (['"big, old",cat'], ("big, old", "cat")),
        (["Ärger"], ("Ärger",)),
        ([], None),
        (None, None),
    ],
)
def test_names_may_be_repeated_listed_and_quoted(
    given: list[str] | None, want: tuple[str, ...] | None
) -> None:
    assert names(given) == want


def test_names_with_numbers_may_hold_an_equals_sign_of_their_own() -> None:
    assert numbers(["a=b=30", "c=-1"], "--quota") == {"a=b": 30, "c": -1}
    assert pairs(["kitty=cat", "hound="], "--alias") == {"kitty": "cat", "hound": ""}
    assert numbers(None, "--quota") == {}


@pytest.mark.parametrize("given", ["german", "german=many", "german=0.3"])
def test_what_is_no_name_with_a_number_is_a_usage_error(given: str) -> None:
    with pytest.raises(typer.BadParameter, match=re.escape(given.rpartition("=")[2])) as raised:
        numbers([given], "--quota")
    assert raised.value.param_hint == "--quota"


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"strata": {"x": {"quota": 101}}}, "--quota"),
        ({"strata": {"x": {"priority": 1001}}}, "--priority"),
        ({"aliases": {"kitty": ""}}, "--alias"),
        ({"quality_target": 0.3}, "--quality-target"),
    ],
)
def test_a_wrong_setting_names_its_option(fields: dict[str, object], hint: str) -> None:
    with pytest.raises(ValidationError) as raised:
        ProjectSettings.model_validate(
            {"classes": ["a", "b"], "models": ["m"], "budget": 1} | fields
        )
    assert usage_error(raised.value).param_hint == hint


def test_strata_and_aliases_are_shown_by_name() -> None:
    settings = ProjectSettings(
        classes=("cat", "dog"),
        models=("m",),
        budget=1,
        aliases={"kitty": "cat"},
        strata={"german": Stratum(quota=30), "urgent": Stratum(priority=1)},
    )
    shown = [
        str(cell) for part in settings_sheet("p", settings).renderables for cell in _cells(part)
    ]
    assert "kitty (cat)" in shown
    assert "german (quota 30 %), urgent (priority 1, quota 0 %)" in shown


def _cells(part: object) -> list[object]:
    return [cell for column in getattr(part, "columns", ()) for cell in column.cells]
