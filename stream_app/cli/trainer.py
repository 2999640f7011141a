"""`trainer`: a model that follows a project."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stream_app import logs
from stream_app.cli.options import with_settings
from stream_app.client import ANSWER_SECONDS, Client
from stream_app.settings import Settings


class EstimatorName(StrEnum):
    """Name those of `stream_app.folds.ESTIMATORS`."""

    EXTRA_TREES = "extra-trees"
    RANDOM_FOREST = "random-forest"
    LOGISTIC_REGRESSION = "logistic-regression"


@with_settings("log_level")
async def trainer(
    settings: Settings,
    project: Annotated[str, typer.Argument(help="The project's id.")],
    features: Annotated[
        Path,
        typer.Option(
            help="npz file with `items` (N,), their ids, and `features` (N, D), numbers.",
            exists=True,
            dir_okay=False,
        ),
    ],
    estimator: Annotated[
        list[EstimatorName] | None,
        typer.Option(
            help="What learns; repeated for several models.",
            show_default="extra-trees",
        ),
    ] = None,
    model_id: Annotated[
        list[str] | None,
        typer.Option(
            help="The model that the estimator is for; repeated as the estimators are.",
            show_default="the project's models, in order",
        ),
    ] = None,
    *,
    folds: Annotated[int, typer.Option(help="Folds of the cross-validation.", min=2)] = 5,
    seed: Annotated[int, typer.Option(help="Of the folds and of the estimators.", min=0)] = 0,
    budget: Annotated[
        int | None,
        typer.Option(
            help="Selections to ask for behind the predictions. 0: none, the clock selects.",
            min=0,
            show_default="all that is left",
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            help="Seconds after which one answer is reason enough to train again, although others "
            "of the last window are missing.",
            min=1,
        ),
    ] = 60.0,
    within: Annotated[
        float,
        typer.Option(help="Seconds to wait for a window, the predictions before it included."),
    ] = ANSWER_SECONDS,
    once: Annotated[
        bool,
        typer.Option(
            "--once/--every-window", help="Train once, or again whenever a window is answered."
        ),
    ] = False,
) -> None:
    """Train a model on the consensus labels, publish out-of-fold predictions, ask for a window.

    A client like any other, made for small projects and as an example for your own: it reads
    item-scores.v1 and writes to predictions.v1. Runs until Ctrl-C.
    """
    # scikit-learn takes a second to import: no other command should wait for it.
    from stream_app.folds import ESTIMATORS  # noqa: PLC0415
    from stream_app.trainer import Task, Trainer  # noqa: PLC0415

    logs.configure(settings.log_level)
    task = Task.load(features)
    async with Client(settings) as client:
        running = Trainer(
            client,
            project,
            task,
            [ESTIMATORS[name](seed) for name in estimator or [EstimatorName.EXTRA_TREES]],
            model_ids=tuple(model_id or ()),
            folds=folds,
            seed=seed,
            budget=budget,
            patience=patience,
            within=within,
        )
        if once:
            await running.train()
        else:
            await running.follow()
