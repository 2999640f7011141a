"""Whatever goes wrong, and whenever: at rest all is as the batch says, in every seed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sim_variants import VARIANTS, Variant
from simulate import simulate, simulate_all

HERE = Path(__file__).parent


@pytest.mark.timeout(600)  # the machine may be busy with other things
@pytest.mark.parametrize("first", range(0, 1000, 250))
def test_a_thousand_worlds_come_to_rest_in_the_right_state(first: int) -> None:
    seeds = range(first, first + 250)
    assert {one.seed: one.wrong for one in simulate_all(seeds) if one.wrong} == {}


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_broken_variant_is_found(variant: Variant) -> None:
    """And not because the variant itself calls what is no more, which would prove nothing."""
    outcomes = (simulate(seed, variant).wrong for seed in range(variant.within))
    wrong = next((wrong for wrong in outcomes if wrong), None)
    assert wrong
    assert not wrong[-1].startswith(("AttributeError", "ImportError", "NameError", "TypeError"))


def test_a_seed_replays_exactly_whatever_the_hash_seed() -> None:
    command = [sys.executable, str(HERE / "simulate.py"), "--seed", "3"]
    diaries = [
        subprocess.run(
            command,
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(HERE.parent)},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert diaries[0] == diaries[1]
    assert diaries[0].endswith(b"1 seeds, 0 failures\n")
