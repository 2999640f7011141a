"""The errors that the app raises on purpose; anything else is a bug.

    StreamAppError
    ├── BrokerError    the embedded Kafka can't be fetched, started or reached
    └── TopicError     the topics on the cluster are not those of the map

Each message is a sentence that names the offending value and, where there is one, the remedy.
"""


class StreamAppError(Exception):
    """Stand for everything that the app refuses; the command line prints it without a traceback."""


class BrokerError(StreamAppError):
    """The embedded Kafka can't be fetched, started or reached."""


class TopicError(StreamAppError):
    """The topics on the cluster are not those of the map."""
