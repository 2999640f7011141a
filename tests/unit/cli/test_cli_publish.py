"""Files into events: as the worker would read them, or an error that names the line."""

from pathlib import Path

import numpy as np
import pytest

from schemas import (
    MAX_RECORD_BYTES,
    MAX_ROWS,
    Annotations,
    Answer,
    Event,
    Items,
    Predictions,
    Retraction,
    parse_time,
)
from stream_app.publish import (
    RECORD_BYTES,
    BadFile,
    annotations,
    batched,
    items,
    num_rows,
    predictions,
)

NOW = parse_time("2026-06-01T12:00:00Z")
MORNING = "2026-06-01T08:00:00+02:00"


class Files:
    """Writes a file and reads it as events."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def labels(self, name: str, text: str | bytes) -> list[Event]:
        return list(annotations(self.write(name, text), now=NOW))

    def items(self, name: str, text: str, status: str = "registered") -> list[Event]:
        return list(items(self.write(name, text), now=NOW, status=status))

    def predictions(self, name: str, text: str, model: str | None = "m") -> list[Event]:
        return list(predictions(self.write(name, text), now=NOW, model=model))

    def arrays(self, **arrays: object) -> list[Event]:
        path = self.folder / "predictions.npz"
        np.savez(path, **arrays)  # type: ignore[arg-type]
        return list(predictions(path, now=NOW, model="m", version=3))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_labels_from_csv_with_quotes_unicode_abstentions_and_times(files: Files) -> None:
    text = (
        "time,item,annotator,label\n"
        f'{MORNING},"a ""big"", old\nitem",Åsa,köttbulle\n'
        ",b,Åsa,\n"
        "\n"
        "2026-06-01T12:04:59Z,c,Bo,dog\n"
    )
    (event,) = files.labels("labels.csv", b"\xef\xbb\xbf" + text.encode())
    assert event == Annotations(
        rows=(
            Answer(
                item='a "big", old\nitem',
                annotator="Åsa",
                label="köttbulle",
                time=parse_time(MORNING),
            ),
            Answer(item="b", annotator="Åsa", label=None),
            Answer(item="c", annotator="Bo", label="dog", time=NOW + 299_000_000),
        )
    )


def test_labels_from_jsonl_where_a_record_with_a_type_is_taken_as_it_is(files: Files) -> None:
    lines = (
        '{"item": "a", "annotator": "x", "label": "cat"}\n'
        '{"item": "b", "annotator": "x", "label": null}\n'
        "\n"
        '{"type": "retraction", "item": "a", "annotator": "x"}\n'
        '{"item": "c", "annotator": "x", "label": "dog"}\n'
    )
    before, retraction, after = files.labels("labels.jsonl", lines)
    assert isinstance(before, Annotations)
    assert [row.label for row in before.rows] == ["cat", None]
    assert retraction == Retraction(item="a", annotator="x")
    assert num_rows(after) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item,label\na,cat\n", "line 1: no column 'annotator' among 'item', 'label'"),
        ("", "line 1: no column 'item'"),
        ("item,annotator,label,label\n", "line 1: column 'label' is there twice"),
        ("item,annotator,label,tiem\n", "line 1: unknown column 'tiem'; known are item, annotator"),
        ("item,annotator,label\na,x,cat\nb,x\n", "line 3: 2 cells under 3 columns"),
        ('item,annotator,label\n"a\nb",x,cat\n,x,cat\n', "line 4: item: "),
        ('item,annotator,label\n"a"b,x,cat\n', "line 2: ',' expected after '\"'"),
        ("item,annotator,label,time\na,x,cat,2026-01-01T00:00\n", "line 2: time: Has no zone"),
        ("item,annotator,label,time\na,x,cat,soon\n", "line 2: time: Not ISO 8601"),
        ("item,annotator,label,time\na,x,cat,2026-06-01T12:06:00Z\n", "line 2: time: More than 5"),
        (f"item,annotator,label\n{'a' * 1025},x,cat\n", "line 2: item: More than 1024"),
        (b"item,annotator,label\n\xff,x,cat\n", "after line 0: not UTF-8"),
    ],
)
def test_a_bad_row_of_csv_is_named_by_its_line(
    files: Files, text: str | bytes, message: str
) -> None:
    with pytest.raises(BadFile) as raised:
        files.labels("labels.csv", text)
    assert f"{files.folder / 'labels.csv'} {message}" in str(raised.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"item": "a", "label": "cat"}', "annotator: Field required"),
        ('{"item": 7, "annotator": "x", "label": "cat"}', "item: Input should be a valid string"),
        ('{"item": "a", "annotator": "x", "label": "cat", "who": 1}', "who: Extra inputs"),
        ('{"type": "close", "cause": "request"}', "Input tag 'close'"),
    ],
)
def test_a_bad_line_of_jsonl_is_named(files: Files, line: str, message: str) -> None:
    good = '{"item": "a", "annotator": "x", "label": "cat"}'
    with pytest.raises(BadFile, match=r"labels\.jsonl line 2: ") as raised:
        files.labels("labels.jsonl", f"{good}\n{line}\n{good}\n")
    assert message in str(raised.value)


def test_another_kind_of_file_is_refused_by_name(files: Files) -> None:
    with pytest.raises(BadFile, match=r"labels\.txt: the name must end in \.csv or \.jsonl"):
        files.labels("labels.txt", "")


def test_predictions_from_csv_have_a_column_a_class(files: Files) -> None:
    (event,) = files.predictions("p.csv", "cat,item,big dog\n0.25,a,0.75\n1,b,0\n")
    assert event == Predictions(
        model="m",
        classes=("cat", "big dog"),
        items=("a", "b"),
        pred_probs=((0.25, 0.75), (1.0, 0.0)),
    )


def test_predictions_from_jsonl_may_have_classes_model_and_version_of_their_own(
    files: Files,
) -> None:
    lines = (
        '{"item": "a", "pred_probs": {"cat": 1}}\n'
        '{"item": "b", "pred_probs": {"cat": 1}}\n'
        '{"item": "c", "pred_probs": {"cat": 0.5, "dog": 0.5}}\n'
        '{"item": "d", "pred_probs": {"cat": 1}, "model": "n", "version": 7}\n'
    )
    events = files.predictions("p.jsonl", lines)
    assert [(e.model, e.version, e.items, e.classes) for e in events] == [  # type: ignore[attr-defined]
        ("m", None, ("a", "b"), ("cat",)),
        ("m", None, ("c",), ("cat", "dog")),
        ("n", 7, ("d",), ("cat",)),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,0.5,0.4", "pred_probs: Negative, not finite, or a sum further than 1e-3 from 1"),
        ("a,0.5,half", "'dog': not a number: 'half'"),
        ("a,nan,1", "pred_probs cat: "),
        ("a,,1", "'cat': not a number: ''"),
    ],
)
def test_a_row_that_is_no_distribution_is_named(files: Files, row: str, message: str) -> None:
    with pytest.raises(BadFile, match=r"p\.csv line 3: ") as raised:
        files.predictions("p.csv", f"item,cat,dog\nb,1,0\n{row}\n")
    assert message in str(raised.value)


def test_predictions_without_a_model_are_refused(files: Files) -> None:
    with pytest.raises(BadFile, match="line 1: model: Field required"):
        files.predictions("p.jsonl", '{"item": "a", "pred_probs": {"cat": 1}}\n', model=None)


def test_predictions_from_npz_keep_every_number(files: Files) -> None:
    rng = np.random.default_rng(1)
    pred_probs = rng.dirichlet(np.ones(3), size=2_500).astype(np.float32)
    names = np.array([f"item {n}" for n in range(2_500)])
    events = files.arrays(items=names, classes=np.array(["c", "a", "b"]), pred_probs=pred_probs)
    assert all(isinstance(event, Predictions) and event.version == 3 for event in events)
    assert [item for event in events for item in event.items] == names.tolist()  # type: ignore[attr-defined]
    rows = [row for event in events for row in event.pred_probs]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(np.array(rows, np.float32), pred_probs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": np.array(["a"])}, r"shape \(2, 2\), but there are \(2,\) items and \(1,\)"),
        ({"items": np.array([1, 2])}, "must be text"),
        ({"items": np.array(["x", None])}, "without Python objects"),
        ({"pred_probs": np.array([[1.0, 0.0], [0.5, 0.4]])}, "rows from 0: pred_probs 1: "),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    files: Files, changes: dict[str, object], message: str
) -> None:
    arrays = {
        "items": np.array(["x", "y"]),
        "classes": np.array(["a", "b"]),
        "pred_probs": np.array([[1.0, 0.0], [0.5, 0.5]]),
    }
    with pytest.raises(BadFile, match=message):
        files.arrays(**arrays | changes)


def test_a_missing_array_and_a_file_that_is_no_npz_are_refused(files: Files) -> None:
    with pytest.raises(BadFile, match="pred_probs is not a file in the archive"):
        files.arrays(items=np.array(["x"]), classes=np.array(["a"]))
    with pytest.raises(BadFile, match="arrays items, classes, pred_probs"):
        files.predictions("p.npz", "item,cat\n")


def test_items_are_registered_unless_they_say_otherwise(files: Files) -> None:
    registered, excluded = files.items("i.csv", "item,status\na,\nb,registered\nc,excluded\n")
    assert registered == Items(items=("a", "b"), status="registered")
    assert excluded == Items(items=("c",), status="excluded")
    (default,) = files.items("i.jsonl", '{"item": "d"}\n', status="excluded")
    assert default == Items(items=("d",), status="excluded")


def test_items_of_one_stratum_are_one_record(files: Files) -> None:
    text = "item,stratum\na,german\nb,german\nc,\n"
    german, others = files.items("i.csv", text)
    assert german == Items(items=("a", "b"), status="registered", stratum="german")
    assert others == Items(items=("c",), status="registered")


@pytest.mark.parametrize("text", ["item,status\na,gone\n", 'item\n""\n'])
def test_items_without_a_name_or_with_another_status_are_refused(files: Files, text: str) -> None:
    with pytest.raises(BadFile, match=r"i\.csv line 2"):
        files.items("i.csv", text)


def test_what_is_too_large_is_split_and_nothing_is_lost() -> None:
    names = tuple(f"{n:04}" + "x" * 1_000 for n in range(3_000))
    events = list(batched([Items(items=names, status="registered")]))
    assert all(len(event.to_bytes()) <= RECORD_BYTES for event in events)
    assert len(events) == 12
    assert tuple(item for event in events for item in event.items) == names  # type: ignore[attr-defined]


def test_records_that_are_joined_stay_within_the_rows_of_one(files: Files) -> None:
    ids = ", ".join(f'"{n}"' for n in range(MAX_ROWS))
    line = f'{{"type": "items", "status": "excluded", "items": [{ids}]}}\n'
    events = files.items("i.jsonl", 2 * line)
    assert [num_rows(event) for event in events] == [MAX_ROWS, MAX_ROWS]


def test_a_row_that_no_record_can_hold_is_refused(files: Files) -> None:
    classes = [f"{n:04}" + "x" * 1_000 for n in range(MAX_RECORD_BYTES // 1_000)]
    head, row = ",".join(["item", *classes]), ",".join(["a", "1", *"0" * (len(classes) - 1)])
    with pytest.raises(BadFile, match="A single row makes a record of"):
        files.predictions("p.csv", f"{head}\n{row}\n")
