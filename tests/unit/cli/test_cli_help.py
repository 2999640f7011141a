"""What a newcomer reads: every command says what it does, every setting its unit and default."""

import re
from collections.abc import Iterator

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from schemas import ProjectSettings
from stream_app.cli import main
from stream_app.cli.options import COMMON, EVERY
from stream_app.cli.sheets import NOT_SETTINGS
from stream_app.settings import UNPROTECTED, Settings, variable

OWN = {
    "broker",
    "worker",
    "topics create",
    "project set",
    "project show",
    "project list",
    "project pause",
    "project rename-class",
    "project resume",
    "publish annotations",
    "publish predictions",
    "publish items",
    "window close",
    "window show",
    "window tail",
    "dead-letters list",
    "dead-letters redrive",
}


def said(*arguments: str) -> str:
    """Return what a command says when it succeeds, on a terminal that is wide enough."""
    done = CliRunner().invoke(main, arguments, env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    return re.sub(r"\s+", " ", done.output)


def commands() -> Iterator[str]:
    for name, one in get_command(main).commands.items():  # type: ignore[attr-defined]
        inner = getattr(one, "commands", None)
        yield from [name] if inner is None else [f"{name} {of_group}" for of_group in inner]


def test_the_commands_that_it_is_about_are_there() -> None:
    assert set(commands()) >= OWN


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_says_what_it_does(command: str) -> None:
    text = said(*command.split(), "--help")
    assert f"{command} [OPTIONS]" in text
    assert len(text) > 200


@pytest.mark.parametrize("command", sorted(set(commands()) - {"broker", "demo"}))
def test_every_command_takes_the_deployment_as_options_and_from_the_environment(
    command: str,
) -> None:
    text = said(*command.split(), "--help")
    for name in COMMON:
        assert f"--{name.replace('_', '-')}" in text
        assert f"STREAM_APP_{name.upper()}" in text


@pytest.mark.parametrize("name", EVERY)
def test_the_help_of_the_worker_has_every_setting_with_description_and_default(name: str) -> None:
    text = said("worker", "--help")
    field = Settings.model_fields[name]
    assert f"--{name.replace('_', '-')}" in text
    assert f"[env var: STREAM_APP_{name.upper()}]" in text
    assert field.description is not None
    assert field.description in re.sub(r" ?│ ?", " ", text)
    if field.default != "":
        assert f"[default: {field.default}]" in text


@pytest.mark.parametrize("command", sorted(commands()))
def test_no_command_takes_on_its_command_line_what_protects_the_connection(command: str) -> None:
    text = said(*command.split(), "--help")
    for name in UNPROTECTED:
        assert f"--{name.replace('_', '-')}" not in text


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_USERNAME": "ann"},
            "STREAM_APP_SECURITY_PROTOCOL is SASL_SSL, and STREAM_APP_SASL_PASSWORD is missing.",
        ),
        (
            {"SASL_PASSWORD": "hush"},
            "STREAM_APP_SECURITY_PROTOCOL is PLAINTEXT, and STREAM_APP_SASL_PASSWORD would not be",
        ),
        (
            {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_USERNAME": "ann", "SASL_PASSWORD": "hush"}
            | {"SSL_CAFILE": __file__},
            "STREAM_APP_SECURITY_PROTOCOL is SASL_PLAINTEXT, and STREAM_APP_SSL_CAFILE would",
        ),
        (
            {"SECURITY_PROTOCOL": "SSL", "SSL_KEYFILE": __file__},
            "STREAM_APP_SECURITY_PROTOCOL is SSL, and STREAM_APP_SSL_CERTFILE is missing.",
        ),
        (
            {"SECURITY_PROTOCOL": "SSL", "SSL_CAFILE": "/nowhere.pem"},
            "STREAM_APP_SSL_CAFILE: Path does not point to a file (given: '/nowhere.pem').",
        ),
        ({"SECURITY_PROTOCOL": "TLS"}, "STREAM_APP_SECURITY_PROTOCOL: Input should be 'PLAINTEXT'"),
        ({"SASL_MECHANISM": "MD5"}, "STREAM_APP_SASL_MECHANISM: Input should be 'PLAIN'"),
    ],
)
def test_half_a_protection_is_a_usage_error_that_names_the_variable(
    environment: dict[str, str], sentence: str
) -> None:
    variables = {variable(name.lower()): value for name, value in environment.items()}
    done = CliRunner().invoke(main, ["project", "list"], env={"COLUMNS": "300"} | variables)
    assert done.exit_code == 2
    assert sentence in re.sub(r"[│\s]+", " ", done.output)
    assert "hush" not in done.output


@pytest.mark.parametrize("name", sorted(ProjectSettings.model_fields.keys() - NOT_SETTINGS))
def test_every_setting_of_a_project_is_an_option(name: str) -> None:
    option = {"aliases": "alias", "strata": "quota"}.get(name, name.replace("_", "-"))
    assert f"--{option} " in said("project", "set", "--help")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["--run-rows", "0"], "--run-rows"),
        (["--topic-prefix", "a b"], "--topic-prefix"),
        (["--session-timeout", "1"], "--session-timeout"),
        (["--log-level", "loud"], "--log-level"),
    ],
)
def test_a_setting_out_of_range_is_a_usage_error_that_names_it(
    arguments: list[str], option: str
) -> None:
    done = CliRunner().invoke(main, ["worker", *arguments])
    assert done.exit_code == 2
    assert option in done.output


def test_a_failure_is_a_sentence_and_exit_code_1() -> None:
    done = CliRunner().invoke(main, ["project", "list", "--bootstrap-servers", "127.0.0.1:1"])
    assert done.exit_code == 1
    assert "127.0.0.1:1 does not answer" in done.output
    assert "Traceback" not in done.output


def test_the_environment_says_where_a_command_looks() -> None:
    environment = {"STREAM_APP_BOOTSTRAP_SERVERS": "127.0.0.1:2"}
    done = CliRunner().invoke(main, ["window", "show", "animals"], env=environment)
    assert "127.0.0.1:2 does not answer" in done.output


@pytest.mark.parametrize("number", ["first", "-1", "1.5"])
def test_a_window_is_a_number_or_the_last(number: str) -> None:
    done = CliRunner().invoke(main, ["window", "show", "animals", "--window", number])
    assert done.exit_code == 2
