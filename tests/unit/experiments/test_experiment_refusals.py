"""What the command of the paper's experiment refuses."""

import pytest
import typer

from experiments.paper import main


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dataset": "cifar"}, "'cifar' is not one of wall_robot,"),
        ({"dataset": "digits", "methods": "activelab_ensemble"}, "is not one of activelab,"),
        ({"dataset": "digits,wall_robot"}, "'digits,wall_robot' is not one of"),
        ({"dataset": "digits", "methods": "random,luck"}, "'luck' is not one of activelab,"),
        ({"dataset": "digits", "models": "mlp"}, "'mlp' is not one of extra-trees,"),
    ],
)
def test_what_there_is_not_is_said_in_a_sentence(
    options: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        main(**options)  # type: ignore[arg-type]
    assert ended.value.exit_code == 1
    assert sentence in capsys.readouterr().out
