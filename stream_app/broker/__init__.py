"""Real Apache Kafka without Docker, for the demo, the tests and a first look.

``jars`` fetches and verifies Kafka, ``java`` finds what runs it, ``server`` starts and stops it,
``cluster`` several as one (``quorum`` is what they are told of each other), and ``guardian`` stands
between the two processes, so that Kafka ends with whoever started it.
"""

from stream_app.broker.cluster import Cluster
from stream_app.broker.server import Broker

__all__ = ["Broker", "Cluster"]
