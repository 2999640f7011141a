"""The command that compares outlooks with the truth, in a short form; no Kafka."""

from pathlib import Path

import orjson

from experiments.stopping import main


def test_the_command_writes_tables_and_a_plot(tmp_path: Path) -> None:
    document, plot = tmp_path / "trust.md", tmp_path / "stopping.png"
    document.write_text("<!-- outlook -->\n<!-- end -->\n<!-- progress -->\n<!-- end -->\n")
    main(
        datasets="digits",
        methods="activelab,random",
        seeds=1,
        rounds=2,
        trees=5,
        json=tmp_path / "stopping.json",
        plot=plot,
        document=document,
    )
    written = document.read_text()
    assert written.count("\n| digits | `random`") == 4 + 1
    assert written.count("`python -m experiments.stopping --datasets digits ") == 2
    assert plot.read_bytes().startswith(b"\x89PNG")
    runs = orjson.loads((tmp_path / "stopping.json").read_bytes())["runs"]
    assert [(one["method"], len(one["rounds"])) for one in runs] == [
        ("activelab", 1),
        ("random", 1),
    ]
