"""`item`: why an item stands where it does."""

from typing import Annotated

import typer
from rich.table import Table

from schemas import parse_time
from stream_app.audit.explain import Explanation, Standing, explain
from stream_app.audit.history import read_history
from stream_app.cli.console import err, out, plain, say_json, sheet, shown_time
from stream_app.cli.options import with_settings
from stream_app.cli.project import Json, Name
from stream_app.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Items: who has said what, and what follows.")


@app.command()
@with_settings()
async def show(
    settings: Settings,
    project: Name,
    item: Annotated[str, typer.Argument(help="The item's id.")],
    *,
    json: Json = False,
) -> None:
    """Show why an item would be selected now, or would not.

    From all that the topics hold of the project, recomputed with the batch code: the item's answers
    with each annotator's agreement and weight, the models' predictions, what they say together, and
    the windows that have selected it.
    """
    with err.status("Reading the topics, and recomputing"):
        explanation = explain(await read_history(settings, project), item)
    if json:
        say_json(explanation)
        return
    rows = _state(explanation)
    if explanation.standing is not None:
        rows += _standing(explanation.standing, explanation.method)
    out.print(sheet(f"{item} of {project}", [(name, plain(value)) for name, value in rows]))
    for table in (_answers(explanation), _predictions(explanation), _selections(explanation)):
        if table.row_count:
            out.print(table)


STATES = {
    "open": "could be selected",
    "on lease": "on lease",
    "answered": "has as many answers as the project wants",
    "done": "has reached the project's quality target",
    "excluded": "excluded: it leaves every statistic",
    "unknown": "does not exist: it is not registered, and nothing that counts was said of it",
}


def _state(explanation: Explanation) -> list[tuple[str, str]]:
    rows = [
        ("state", STATES[explanation.state]),
        ("answers", f"{explanation.num_answers} of {explanation.max_answers} at most"),
    ]
    if explanation.stratum is not None:
        rows.append(("stratum", explanation.stratum))
    if explanation.leased_until is not None:
        rows.append(("leased until", _time(explanation.leased_until)))
    return rows


def _standing(standing: Standing, method: str) -> list[tuple[str, str]]:
    could = f"{standing.eligible:,} that could be selected"
    place = "not among" if standing.place is None else f"place {standing.place:,} of"
    return [
        ("consensus", standing.consensus_label or "none: nothing is known"),
        ("quality", f"{standing.consensus_quality:.6f}"),
        ("posterior", _percentages(standing.posterior)),
        ("ActiveLab score", f"{standing.activelab_score:.6f}"),
        (f"score by {method}", f"{standing.method_score:.6f}, {place} the {could}"),
    ]


def _percentages(shares: dict[str, float]) -> str:
    ranked = sorted(shares.items(), key=lambda named: -named[1])
    return ", ".join(f"{name} {share:.1%}" for name, share in ranked)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=plain(title, "bold"), title_justify="left", box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _time(text: str) -> str:
    return shown_time(parse_time(text))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _answers(explanation: Explanation) -> Table:
    table = _table("Answers", "annotator", "label", "agreement", "weight", "at", "")
    for answer in explanation.answers:
        table.add_row(
            plain(answer.annotator),
            plain(answer.label or "(abstained)"),
            _number(answer.annotator_agreement),
            _number(answer.annotator_weight),
            _time(answer.time),
            "dormant: no class of the project" if answer.dormant else "",
        )
    return table


def _predictions(explanation: Explanation) -> Table:
    table = _table("Predictions", "model", "version", "says", "calibrated", "weight", "")
    for prediction in explanation.predictions:
        calibrated = prediction.calibrated
        table.add_row(
            plain(prediction.model),
            str(prediction.version),
            plain(_percentages(prediction.pred_probs)),
            plain("-" if calibrated is None else _percentages(calibrated)),
            _number(prediction.model_weight),
            "dormant: not listed by the project" if prediction.dormant else "",
        )
    return table


def _selections(explanation: Explanation) -> Table:
    table = _table("Selected by", "window", "at", "rank", "reason", "score", "leased until")
    for selected in explanation.selections:
        table.add_row(
            str(selected.window),
            _time(selected.now),
            f"{selected.rank} of {selected.of}",
            selected.reason,
            f"{selected.score:.6f}",
            _time(selected.until),
        )
    return table
