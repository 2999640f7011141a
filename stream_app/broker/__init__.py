"""Real Apache Kafka without Docker, for the demo, the tests and a first look.

``jars`` fetches and verifies Kafka, ``java`` finds what runs it, ``server`` starts and stops it,
and ``guardian`` stands between the two processes, so that Kafka ends with whoever started it.
"""

from stream_app.broker.server import Broker

__all__ = ["Broker"]
