"""The facts that a replay finds true, as the worker's table would hold them."""

from stream_app import facts
from stream_app.audit.replay import Replay, canonical


def true_facts(replay: Replay) -> dict[bytes, bytes]:
    """Return the canonical facts of a replay by the keys that they have in the table."""
    prefix = facts.fact_prefix(replay.project)
    found = {}
    for (item, who), answer in replay.annotations.items():
        found[facts.fact_key(prefix, item, facts.ANNOTATION, who)] = canonical(answer)
    for (item, who), prediction in replay.predictions.items():
        found[facts.fact_key(prefix, item, facts.PREDICTION, who)] = canonical(prediction)
    for item, status in replay.statuses.items():
        found[facts.fact_key(prefix, item, facts.STATUS, "")] = canonical(status)
    for item, belonging in replay.strata.items():
        found[facts.fact_key(prefix, item, facts.STRATUM, "")] = canonical(belonging)
    return found
