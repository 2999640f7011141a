"""The errors that the app raises on purpose; anything else is a bug.

    StreamAppError
    ├── BrokerError    the embedded Kafka can't be fetched, started or reached
    ├── TopicError     the topics on the cluster are not those of the map
    ├── StateError     a worker's state is gone, or is not that of the log
    ├── NoAnswer       a close was not answered in time
    ├── AuditRefused   a window can't be recomputed, whether it was right or not
    └── TransportError why the transport ends a worker: a tree of its own in transport/errors.py

Each message is a sentence that names the offending value and, where there is one, the remedy.
"""

from collections.abc import Sequence


class StreamAppError(Exception):
    """Stand for everything that the app refuses; the command line prints it without a traceback."""


class BrokerError(StreamAppError):
    """The embedded Kafka can't be fetched, started or reached."""


class TopicError(StreamAppError):
    """The topics on the cluster are not those of the map."""

    @classmethod
    def forbidden(cls, topic: str) -> "TopicError":
        """Say that the cluster does not let us know a topic."""
        return cls(f"Topic {topic} is not for us: we may not even ask whether it exists.")


class StateError(StreamAppError):
    """A worker's state is gone, or is not that of the log."""

    @classmethod
    def lost(cls, partitions: Sequence[int], app_id: str) -> "StateError":
        """Say that partitions have worked before and that their changelog is empty."""
        return cls(
            f"The changelog of {app_id} has no applied record for partitions {list(partitions)}, "
            "but windows or committed offsets exist: the state was lost. Restore the changelog "
            "topic, or start anew under another STREAM_APP_APP_ID and STREAM_APP_TOPIC_PREFIX."
        )


class NoAnswer(StreamAppError):
    """A close was not answered in time."""

    @classmethod
    def within(cls, seconds: float, project: str, attendance: object) -> "NoAnswer":
        """Say for how long a project's close has waited, and who is at work."""
        return cls(
            f"No answer to the close of project {project!r} within {seconds:g} s. {attendance}"
        )


class AuditRefused(StreamAppError):
    """A window can't be recomputed, whether it was right or not."""
