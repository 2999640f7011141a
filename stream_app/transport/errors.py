"""Why the transport ends a worker.

StreamAppError
└── TransportError
    ├── RunLost            a fetch does not begin where the last one ended
    ├── StateAhead         the local RocksDB knows changelog offsets that Kafka does not have
    ├── RecoveryStalled    the changelog can't be read up to its end
    ├── UnevenAssignment   sources, changelog and positions do not cover the same partitions
    ├── TransactionLost    a transaction failed, or nobody knows how it ended
    └── Stuck              work goes on but is not committed, or waits but is not taken

Every one of them is fatal on purpose: the process ends, its supervisor starts it again, and
recovery decides from what is durable.
"""

from stream_app.errors import StreamAppError


class TransportError(StreamAppError):
    """Stand for everything that ends a worker in the transport."""


class RunLost(TransportError):
    """A fetch does not begin where the last one of its partition ended."""


class StateAhead(TransportError):
    """The local state knows changelog offsets that Kafka does not have."""


class RecoveryStalled(TransportError):
    """The changelog can't be read up to its end."""


class UnevenAssignment(TransportError):
    """Sources, changelog and positions do not cover the same partitions."""


class TransactionLost(TransportError):
    """A transaction failed, or nobody knows how it ended."""


class Stuck(TransportError):
    """Work goes on but is not committed, or waits but is not taken."""
