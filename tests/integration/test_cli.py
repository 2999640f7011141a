"""The command line as a person uses it, against a real Kafka and real workers."""

from pathlib import Path

import pytest
from command_line import CommandLine, labels, predictions, written
from workers import Deployment, eventually


@pytest.fixture
def cli(deployment: Deployment) -> CommandLine:
    return CommandLine(deployment.settings)


def test_a_newcomer_gets_a_ranked_window(cli: CommandLine, project: str, tmp_path: Path) -> None:
    assert "created" in cli.say(
        "project", "set", project, "--classes=cat,dog", "--models=m", "--budget=3"
    )
    answers: list[tuple[str, str, str]] = [
        ("item 0", "ann", "cat"),
        ("item 1", "ann", ""),
        ("item 0", "bo", "dog"),
    ]
    said = cli.say("publish", "annotations", project, labels(tmp_path, answers))
    assert "Published 3 rows as 1 record" in said
    assert "20 rows" in cli.say("publish", "predictions", project, predictions(tmp_path, 20))

    closed = cli.say("window", "close", project)
    assert "3 selected of 20 eligible" in closed
    assert "Expected wrong consensus labels: unknown" in closed
    shown = cli.read("window", "show", project)
    assert [s["rank"] for s in shown["selections"]] == [1, 2, 3]
    scores = [s["score"] for s in shown["selections"]]
    assert scores == sorted(scores)
    assert all(s["item"] in closed for s in shown["selections"])
    assert shown["why_empty"] is None

    state = cli.read("project", "show", project)
    assert state["last_window"] == shown["window"]
    assert state["last_window"]["counts"]["labels"] == 2
    assert state["workers"] == 2
    # What is durable is committed to the group within a second, for those who watch its lag.
    eventually(
        lambda: cli.read("project", "show", project)["waiting"] == 0, lambda: "records still wait"
    )
    assert project in {one["project"] for one in cli.read("project", "list")}


def test_a_request_asked_again_is_answered_with_its_window(
    cli: CommandLine, project: str, tmp_path: Path
) -> None:
    cli.create(project)
    cli.say("publish", "predictions", project, predictions(tmp_path, 10))
    first = cli.read("window", "close", project, "--request-id", "tuesday", "--budget", "2")
    again = cli.read("window", "close", project, "--request-id", "tuesday", "--budget", "2")
    assert len(first["selections"]) == 2
    assert again == first
    number = str(first["window"]["window"])
    assert cli.read("window", "show", project, "--window", number) == first


def test_a_setting_is_changed_and_the_others_stay(cli: CommandLine, project: str) -> None:
    cli.create(project, "--window-seconds", "60", "--on-request-only", "--seed", "s")
    before = cli.read("project", "show", project)["settings"]
    assert "3600   (was 60)" in cli.say("project", "set", project, "--window-seconds", "3600")
    changed = cli.read("project", "show", project)["settings"]
    assert changed == before | {"window_seconds": 3600}
    assert "unchanged" in cli.say("project", "set", project, "--on-request-only")
    cli.say("project", "set", project, "--window-seconds", "0", "--on-the-clock")
    without = cli.read("project", "show", project)["settings"]
    assert without == before | {"window_seconds": None, "on_request_only": False}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--budget", "3"], "--classes"),
        (["--classes", "cat", "--models", "m", "--budget", "3"], "--classes"),
        (["--classes", "cat,dog", "--models", "m,n", "--budget", "3"], "activelab is for one"),
        (["--classes", "cat,dog", "--models", "m", "--budget", "-1"], "--budget"),
    ],
)
def test_settings_that_no_worker_would_take_are_a_usage_error(
    cli: CommandLine, project: str, options: list[str], what: str
) -> None:
    assert what in cli.say("project", "set", project, *options, code=2)
    assert "no project" in cli.say("project", "show", project, code=1)


def test_an_empty_window_says_why(cli: CommandLine, project: str, tmp_path: Path) -> None:
    cli.create(project)
    assert "There are no items" in cli.say("window", "close", project)
    cli.say("publish", "predictions", project, predictions(tmp_path, 2))
    strange: list[tuple[str, str, str]] = [("item 0", "ann", "bird")]
    cli.say("publish", "annotations", project, labels(tmp_path, strange))
    assert "asked for nothing" in cli.say("window", "close", project, "--budget", "0")
    assert "2 selected" in cli.say("window", "close", project)
    empty = cli.read("window", "close", project)
    assert empty["selections"] == []
    assert empty["why_empty"] == (
        "Nothing is eligible: of 2 items 2 are on lease, 0 have 10 answers or more (max_answers)."
    )
    assert "1 labels:bird" in cli.say("window", "show", project)
    assert "1 labels:bird" in cli.say("project", "list")
    cli.say("project", "set", project, "--state", "closed")
    assert "the project is closed" in cli.say("window", "close", project, code=1)


def test_a_window_of_no_project_and_one_that_never_was(cli: CommandLine, project: str) -> None:
    assert "There is no project" in cli.say("window", "close", project, code=1)
    assert "There is no project" in cli.say("window", "show", project, code=1)
    cli.create(project)
    assert "has not had a window 7 yet" in cli.say(
        "window", "show", project, "--window", "7", code=1
    )


def test_a_file_with_a_bad_row_sends_nothing(
    cli: CommandLine, project: str, tmp_path: Path
) -> None:
    cli.create(project)
    rows: list[tuple[str, str, str]] = [(f"item {n}", "ann", "cat") for n in range(5_000)]
    said = cli.say(
        "publish", "annotations", project, labels(tmp_path, [*rows, ("", "ann", "cat")]), code=1
    )
    assert "labels.csv line 5002: item: " in said
    assert "There are no items" in cli.say("window", "close", project)


def test_items_can_be_registered_and_excluded(
    cli: CommandLine, project: str, tmp_path: Path
) -> None:
    cli.create(project)
    file = written(tmp_path / "items.csv", ["item"], [["a"], ["b"]])
    cli.say("publish", "items", project, file)
    cli.say(
        "publish",
        "items",
        project,
        written(tmp_path / "out.csv", ["item"], [["b"]]),
        "--status",
        "excluded",
    )
    selected = cli.read("window", "close", project)["selections"]
    assert [(s["item"], s["reason"]) for s in selected] == [("a", "first_label")]


def test_predictions_of_nobody_are_a_usage_error(
    cli: CommandLine, project: str, tmp_path: Path
) -> None:
    cli.create(project, "--method", "random", "--models", "n")
    file = predictions(tmp_path, 2)
    assert "--model" in cli.say("publish", "predictions", project, file, code=2)
    assert "2 rows" in cli.say("publish", "predictions", project, file, "--model", "n")
