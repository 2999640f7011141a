"""The command of the paper's experiment, in its shortest form."""

import sys
from pathlib import Path
from subprocess import CompletedProcess, run

import orjson
import pytest

from experiments.loop import USUAL_MODE, Setting, play
from experiments.strategies import STRATEGIES

FEW = ("--seeds", "1", "--rounds", "2", "--trees", "4", "--batch", "50")


def paper(*options: str) -> CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments.paper", *options]
    return run(command, capture_output=True, text=True, check=False)


def test_every_method_of_one_model(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("results.json", "rounds.csv", "curves.png")]
    options = zip(("--json", "--csv", "--plot"), map(str, files), strict=True)
    ran = paper("--dataset", "digits", *FEW, *(part for option in options for part in option))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = orjson.loads(files[0].read_bytes())
    several, twice = "activelab_ensemble", f"activelab_{USUAL_MODE}"
    assert list(results) == [name for name in STRATEGIES if name not in (several, twice)]
    setting = Setting("digits", rounds=2, trees=4, batch=50)
    alone = [one.test_accuracy for one in play(setting, "uncertainty", seed=0)]
    assert results["uncertainty"]["test_accuracy"] == [pytest.approx(alone, abs=1e-6)]
    for result in results.values():
        assert [len(run) for run in result["consensus_accuracy"]] == [2]
    assert len(files[1].read_text().splitlines()) == 1 + 2 * len(results)
    assert files[2].read_bytes().startswith(b"\x89PNG")


def test_an_ensemble_on_the_papers_data(shared_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    ran = paper(
        *("--dataset", "wall_robot", *FEW, "--models", "extra-trees,logistic-regression"),
        *("--methods", "activelab_ensemble,random", "--json", str(file)),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = orjson.loads(file.read_bytes())
    assert list(results) == ["activelab_ensemble", "random"]
