"""Tables: CROWDLAB's qualities as the DataFrames that cleanlab returns.

The only module that imports pandas, an optional extra; nothing imports it but the functions of
``activelab.dropin`` that return its tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from activelab.dense import DenseLabels, overlapping
from activelab.epoch import Epoch, Stage
from activelab.errors import InvalidInput
from activelab.fit import fit
from activelab.quality import Quality, annotator_qualities, model_share, qualities
from activelab.rows import Array, Probs

CONSENSUS_METHODS = ("best_quality", "majority_vote")
QUALITY_METHODS = ("crowdlab", "agreement")


@dataclass(frozen=True, slots=True)
class Tables:
    """Labels judged under an epoch, by each of some consensus methods: the first one counts."""

    labels: DenseLabels
    epoch: Epoch
    consensus_methods: Sequence[str]
    quality_method: str
    qualities: Sequence[Quality]

    @classmethod
    def of(
        cls,
        labels: DenseLabels,
        models: Sequence[Probs],
        consensus_methods: Sequence[str],
        quality_method: str,
        *,
        calibrate: bool,
    ) -> "Tables":
        """Fit and judge."""
        for method in consensus_methods:
            _check_choice("consensus_method", method, CONSENSUS_METHODS)
        _check_choice("quality_method", quality_method, QUALITY_METHODS)
        columns = overlapping(labels.columns(models, models[0].shape[1]))
        epoch = fit(columns, calibrate=calibrate)
        judged = [
            qualities(
                columns,
                epoch,
                by_majority=method == "majority_vote",
                by_agreement=quality_method == "agreement",
            )
            for method in consensus_methods
        ]
        return cls(labels, epoch, consensus_methods, quality_method, judged)

    @property
    def stage(self) -> Stage:
        """Return what the first method's qualities stand on."""
        if self.consensus_methods[0] == "majority_vote":
            return self.epoch.majority_stage
        return self.epoch.consensus_stage

    def label_quality(self) -> pd.DataFrame:
        """Tabulate items: consensus, its quality, agreement, and the number of labels."""
        table: dict[str, Array] = {}
        for method, quality in zip(self.consensus_methods, self.qualities, strict=True):
            suffix = f"_{method}" if table else ""
            table[f"consensus_label{suffix}"] = quality.consensus
            table[f"consensus_quality_score{suffix}"] = quality.consensus_quality
            table[f"annotator_agreement{suffix}"] = quality.agreement
            table.setdefault("num_annotations", quality.votes.per_item())
        return pd.DataFrame(table, index=self.labels.items)

    def detailed_label_quality(self) -> pd.DataFrame:
        """Tabulate labels: an item a row, an annotator a column, NaN for none."""
        votes = self.qualities[0].votes
        detail = np.full(self.labels.values.shape, np.nan)
        detail[votes.item, votes.voter] = self.qualities[0].label_quality
        names = [f"quality_annotator_{annotator}" for annotator in self.labels.annotators]
        return pd.DataFrame(detail, index=self.labels.items, columns=names)

    def annotator_stats(self) -> pd.DataFrame:
        """Tabulate annotators, those of the lowest quality first."""
        quality = self.qualities[0]
        by_model = self.quality_method == "crowdlab"
        share = model_share(self.stage, quality.votes) if by_model else None
        stats = annotator_qualities(quality, len(self.labels.annotators), model_share=share)
        table = pd.DataFrame(
            {
                "annotator_quality": stats.quality,
                "agreement_with_consensus": stats.agreement,
                "worst_class": stats.worst_class,
                "num_examples_labeled": stats.num_labels,
            },
            index=self.labels.annotators,
        )
        return table.iloc[np.argsort(stats.quality, kind="stable")]


def _check_choice(argument: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        message = f"{argument} is {value!r}, not one of {', '.join(choices)}"
        raise InvalidInput(message)
