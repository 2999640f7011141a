"""What a worker serves over HTTP: a page to watch projects, an API to watch and to steer them.

Reads are answered from the memory of the worker that owns the project, or from the topics; writes
are records on control.v1. Nothing here decides anything.

    routes       the table of all endpoints    server       from a request to its answer
    wire         what is asked and answered    access       who may read and write
    reads, item, walk, gather                  problems     why there is no answer
    controls     what steers                   neighbours   other workers
    live         what is told as it happens    topics       what only the log knows
    site         whether this worker may       openapi      the document of all of it
                 answer for a project          static/      the page
"""

from stream_app.web.access import Access
from stream_app.web.neighbours import Neighbours
from stream_app.web.server import Web
from stream_app.web.site import Seat, Site
from stream_app.web.topics import KafkaTopics

__all__ = ["Access", "KafkaTopics", "Neighbours", "Seat", "Site", "Web"]
