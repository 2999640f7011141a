"""Lists of names on the command line."""

import pytest

from stream_app.cli.changes import names


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
