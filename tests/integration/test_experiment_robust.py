"""The evidence for robust mode, in its shortest form: what it claims shows on little already."""

import sys
from pathlib import Path
from subprocess import run

import numpy as np
import orjson

STRICT, ROBUST = "activelab_strict", "activelab_robust"


def test_robust_mode_keeps_the_best_items_and_lets_no_guesser_lead(tmp_path: Path) -> None:
    file = tmp_path / "findings.json"
    command = [sys.executable, "-m", "experiments.robust", "--quick", "--json", str(file)]
    ran = run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = orjson.loads(file.read_bytes())
    found = {
        (one["claim"], one["subject"]): {fit: np.mean(of) for fit, of in one["by_fit"].items()}
        for one in said["findings"]
    }
    assert {claim for claim, _ in found} == {"overlap", "strangers", "consensus", "model"}
    overlap, strangers, consensus = (
        found[claim, "few annotators"] for claim in ("overlap", "strangers", "consensus")
    )
    assert overlap[ROBUST] < 0.1
    assert overlap[STRICT] > 0.5
    assert strangers[ROBUST] <= 0.01
    assert strangers[STRICT] > 0.1
    assert consensus[ROBUST] > consensus[STRICT] - 0.002
