"""The Faust apps that are compared with: topics for them, and how long they take.

Each is a module that is run with arguments, prints ``SECONDS`` and the figure, and ends.
"""

import asyncio
import re
import subprocess
import sys

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.running import PATIENCE


async def create_topics(servers: str, *names: str) -> None:
    """Create topics of one partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1) for name in names])
    await admin.close()


async def plain_seconds(module: str, *arguments: str) -> float:
    """Return the seconds that an app says it took."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    (said,) = re.findall(r"SECONDS ([\d.]+)", done.stdout)  # Faust's spinner may be on the line
    return float(said)
