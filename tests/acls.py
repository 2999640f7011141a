"""The ACLs that docs/security.md tells an operator to set, run as they are written there."""

import argparse
import asyncio
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest

from stream_app.broker import Broker
from stream_app.settings import Settings

DOCUMENT = (Path(__file__).parents[1] / "docs/security.md").read_text()
# What Kafka's protocol calls them.
RESOURCES = {"topic": 2, "group": 3, "transactional_id": 5}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
PATTERNS = {"literal": 3, "prefixed": 4}
ALLOW = 3


class Acl(NamedTuple):
    """One line of what kafka-acls lists."""

    principal: str
    operation: str
    resource: str
    name: str
    pattern: str


def documented(settings: Settings, folder: Path) -> list[Acl]:
    """Run the document's block for a deployment; its kafka-acls only repeats what it is told."""
    (block,) = re.findall(r"```sh\n(APP=.*?)```", DOCUMENT, re.DOTALL)
    block = re.sub(r"^APP=\S+", f"APP={settings.app_id}", block)
    block = re.sub(r"^PREFIX=", f"PREFIX={settings.topic_prefix}", block, flags=re.MULTILINE)
    stub = folder / "kafka-acls.sh"
    stub.write_text("#!/bin/sh\nprintf '%s\\t' \"$@\"\necho\n")
    stub.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "KAFKA": "kafka:9092", "ADMIN": "admin.properties"}
    done = subprocess.run(
        ["bash", "-euc", block], env=environment, capture_output=True, text=True, check=True
    )
    return [acl for line in done.stdout.splitlines() for acl in _said(line.split("\t")[:-1])]


def _said(words: list[str]) -> Iterator[Acl]:
    """Yield what one call of kafka-acls adds."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--add", action="store_true", required=True)
    for option in ("--bootstrap-server", "--command-config", "--allow-principal"):
        parser.add_argument(option, required=True)
    parser.add_argument("--operation", action="append", choices=OPERATIONS, required=True)
    parser.add_argument("--resource-pattern-type", default="literal", choices=PATTERNS)
    for resource in RESOURCES:
        parser.add_argument(f"--{resource.replace('_', '-')}", action="append", default=[])
    said = parser.parse_args(words)
    for resource, operation in product(RESOURCES, said.operation):
        for name in getattr(said, resource):
            yield Acl(said.allow_principal, operation, resource, name, said.resource_pattern_type)


async def allow(broker: Broker, acls: Iterable[Acl]) -> None:
    """Put ACLs on a Kafka, as who may do everything there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        await asyncio.gather(*(_allow(admin, acl) for acl in acls))
    finally:
        await admin.close()


async def _allow(admin: AIOKafkaAdminClient, acl: Acl) -> None:
    request = CreateAclsRequest(
        RESOURCES[acl.resource],
        acl.name,
        PATTERNS[acl.pattern],
        acl.principal,
        "*",
        OPERATIONS[acl.operation],
        ALLOW,
    )
    answer = await admin._send_to_controller(request)
    for code, reason in answer.creation_responses:
        assert code == 0, f"{acl}: {for_code(code).__name__} {reason}"
