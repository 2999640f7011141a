"""How every client reaches Kafka: settings in, arguments of aiokafka's clients out.

Readers, producers and those who ask questions are all made of `connection`, Faust's included, and
are started by `connected`: one sentence says why Kafka can't be reached.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
)
from aiokafka.protocol.metadata import MetadataRequest

from stream_app.errors import BrokerError
from stream_app.settings import Settings, variable

ASK_SECONDS = 5.0
"""How long a server may take to say why it refuses us."""

C = TypeVar("C", AIOKafkaConsumer, AIOKafkaProducer, AIOKafkaAdminClient)


def connection(settings: Settings) -> dict[str, Any]:
    """Return the arguments by which a client of aiokafka reaches the deployment's Kafka."""
    return {"bootstrap_servers": settings.bootstrap_servers, **protection(settings)}


def protection(settings: Settings) -> dict[str, Any]:
    """Return those of the arguments that protect a connection; files are read anew each time."""
    arguments: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.endswith("SSL"):
        arguments["ssl_context"] = _ssl_context(settings)
    if settings.security_protocol.startswith("SASL") and settings.sasl_password is not None:
        arguments |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    return arguments


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    """Return a context that takes a server only by a certificate for its very name."""
    name = "ssl_cafile"
    try:
        context = ssl.create_default_context(cafile=settings.ssl_cafile)
        if settings.ssl_certfile is not None:
            name = "ssl_certfile"
            # A password, so that nobody is asked for one at a terminal.
            context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile, password="")
    except (OSError, ValueError) as error:
        message = f"{variable(name)} is {getattr(settings, name)}, which can't be used: {error}."
        raise BrokerError(message) from error
    return context


@asynccontextmanager
async def connected(client: C, settings: Settings) -> AsyncIterator[C]:
    """Start a client and stop it behind the block; raise BrokerError where Kafka can't be reached.

    Start and stop are never broken off: cancelled in it, a start leaves connections open, and a
    stop swallows the cancellation.
    """
    try:
        try:
            await _whole(client.start())
        except KafkaConnectionError as error:
            raise BrokerError(await unreachable(settings)) from error
        yield client
    finally:
        is_admin = isinstance(client, AIOKafkaAdminClient)
        await _whole(client.close() if is_admin else client.stop())


async def _whole(step: Coroutine[Any, Any, None]) -> None:
    """Await a step to its end, even if cancelled, and be cancelled then."""
    task = asyncio.create_task(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def unreachable(settings: Settings) -> str:
    """Ask why no server lets us in, which the clients' own errors do not say."""
    reasons = [
        await _refusal(host, port, settings)
        for host, port, _ in collect_hosts(settings.bootstrap_servers)
    ]
    return "\n".join(dict.fromkeys(reasons))


async def _refusal(host: str, port: int, settings: Settings) -> str:
    """Return in a sentence why a server does not let us in."""
    server = f"Kafka at {host}:{port}"
    protocol = f"{variable('security_protocol')}={settings.security_protocol}"
    try:
        opened = await create_conn(
            host, port, request_timeout_ms=int(ASK_SECONDS * 1000), **protection(settings)
        )
        try:
            await opened.send(MetadataRequest([]))
        finally:
            opened.close()
    except ssl.SSLCertVerificationError as error:
        return (
            f"{server} is not who we trust ({error.verify_message}): "
            f"does {variable('ssl_cafile')} have who signed its certificate?"
        )
    except (AuthenticationFailedError, SaslAuthenticationFailed) as error:
        user = f"user {settings.sasl_username!r} with {settings.sasl_mechanism}"
        return f"{server} refuses {user}: {error}."
    except ConnectionRefusedError as error:
        return f"{server} does not answer: {error}."
    except (OSError, KafkaError, TimeoutError) as error:
        return f"{server} does not let us in: {error!r}. Is {protocol} what it speaks there?"
    return f"{server} did not answer, but does now."
