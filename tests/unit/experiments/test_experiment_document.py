"""The document's tables."""

from pathlib import Path

import pytest
from made_results import result

from experiments.document import DOCS, DOCUMENT, filled, sections
from experiments.results import load_json
from stream_app.errors import StreamAppError


def test_tables_stand_where_the_document_wants_them() -> None:
    rounds = [0.9, 0.92, 0.94, *[0.96] * 16, 0.99]
    slow = [0.9] * 19 + [0.96]
    results = {
        "digits": {
            "activelab": result([rounds]),
            "random": result([slow]),
            "uncertainty": result([[0.9, *rounds[:-1]]]),
        }
    }
    text = "before\n<!-- labels of digits -->\nold\n<!-- end -->\nafter\n"
    said = {"labels of digits": sections(results)["labels of digits"]}
    lines = filled(text, said).splitlines()
    assert lines[:2] + lines[-2:] == [
        "before",
        "<!-- labels of digits -->",
        "<!-- end -->",
        "after",
    ]
    assert lines[4] == "| `activelab` | 75 | 0.13 | 0.71 | 550 | < 0.96 | < 0.96 |"
    assert lines[5] == "| `random` | 565 | 1.00 | 5.38 | > 570 |  |  |"
    assert filled(filled(text, said), said) == filled(text, said)


def test_a_section_without_a_place_is_refused_and_a_place_without_a_section_left_alone() -> None:
    text = "<!-- a -->\n1\n<!-- end -->\n<!-- b -->\n2\n<!-- end -->\n"
    assert filled(text, {"b": "3"}) == text.replace("2", "3")
    with pytest.raises(StreamAppError, match=r"no place for c\.$"):
        filled(text, {"b": "3", "c": "4"})


def test_the_documents_tables_are_those_of_its_results(shared_data: Path) -> None:
    results = {file.stem: load_json(file) for file in (DOCS / "results").glob("*.json")}
    document = DOCUMENT.read_text()
    assert filled(document, sections(results)) == document
