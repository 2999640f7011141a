"""A bridge to a Label Studio: its annotations are annotators' answers, selections its next tasks.

    Label Studio ── webhooks ──> receiver ──┐
         │                                  ├─> mirror ── what is not said yet ──> annotations.v1
         └── tasks, page by page ──> passes ┘     │
         ^                                        v
         └────────── turns <── who has answered, and what is selected <─────────── selections.v1

Nothing is kept: what was said is read from annotations.v1, what is true from Label Studio.
"""

from stream_app.label_studio.answers import Wording
from stream_app.label_studio.bridge import Bridge
from stream_app.label_studio.settings import StudioSettings, Wiring

__all__ = ["Bridge", "StudioSettings", "Wiring", "Wording"]
