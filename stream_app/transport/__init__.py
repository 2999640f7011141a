"""Faust and Kafka under the application: runs in, transactions out, state that survives.

README.md beside this file says what is replaced in Faust, and which failure that prevents.
"""

from stream_app.transport.app import RunApp
from stream_app.transport.errors import TransportError
from stream_app.transport.ownership import Place, Positions
from stream_app.transport.worker import run_worker

__all__ = ["Place", "Positions", "RunApp", "TransportError", "run_worker"]
