"""The wire: what is on every topic, and its only parser and encoder.

Tolerant on the way in (unknown fields are ignored, bad records are outcomes), strict on the way
out. Pydantic models are the contract; `decode` reads runs of records into columns, fast.
"""

from schemas.columns import (
    ABSTENTION,
    LABEL,
    RETRACTION,
    AnnotationColumns,
    Control,
    Facts,
    PredictionColumns,
    StatusColumns,
)
from schemas.dead_letters import DeadLetter, encode_dead_letter, parse_dead_letter
from schemas.decoding import decode
from schemas.encoding import (
    Encoded,
    encode_annotator_trust,
    encode_item_scores,
    encode_selections,
)
from schemas.events import (
    Annotation,
    Annotations,
    Answer,
    Close,
    Event,
    Items,
    Prediction,
    Predictions,
    Retraction,
)
from schemas.keys import home, pair_key, parse_pair_key, project_key
from schemas.outputs import (
    AnnotatorTrust,
    BoundaryCause,
    Cause,
    Counts,
    ItemScore,
    ModelParameters,
    Outlook,
    Output,
    Parameters,
    Refusal,
    RefusalReason,
    RequestCause,
    Selection,
    Tombstone,
    Window,
    parse_output,
)
from schemas.project import MethodName, ProjectSettings, Stratum
from schemas.reasons import Reason, Rejection, SourceRecord
from schemas.times import format_time, parse_time
from schemas.topics import (
    MAX_ANSWERS,
    MAX_CLASSES,
    MAX_ID_BYTES,
    MAX_RECORD_BYTES,
    MAX_ROWS,
    Topic,
)

__all__ = [
    "ABSTENTION",
    "LABEL",
    "MAX_ANSWERS",
    "MAX_CLASSES",
    "MAX_ID_BYTES",
    "MAX_RECORD_BYTES",
    "MAX_ROWS",
    "RETRACTION",
    "Annotation",
    "AnnotationColumns",
    "Annotations",
    "AnnotatorTrust",
    "Answer",
    "BoundaryCause",
    "Cause",
    "Close",
    "Control",
    "Counts",
    "DeadLetter",
    "Encoded",
    "Event",
    "Facts",
    "ItemScore",
    "Items",
    "MethodName",
    "ModelParameters",
    "Outlook",
    "Output",
    "Parameters",
    "Prediction",
    "PredictionColumns",
    "Predictions",
    "ProjectSettings",
    "Reason",
    "Refusal",
    "RefusalReason",
    "Rejection",
    "RequestCause",
    "Retraction",
    "Selection",
    "SourceRecord",
    "StatusColumns",
    "Stratum",
    "Tombstone",
    "Topic",
    "Window",
    "decode",
    "encode_annotator_trust",
    "encode_dead_letter",
    "encode_item_scores",
    "encode_selections",
    "format_time",
    "home",
    "pair_key",
    "parse_dead_letter",
    "parse_output",
    "parse_pair_key",
    "parse_time",
    "project_key",
]
