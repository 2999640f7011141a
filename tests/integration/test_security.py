"""A Kafka with TLS, passwords and ACLs: who is let in, what each role can do, and nothing else."""

import asyncio
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import orjson
import pytest
from acls import Acl, allow, documented
from aiokafka import AIOKafkaProducer
from certificates import Authority
from command_line import CommandLine, labels, predictions
from workers import WorkerProcess, worker

from schemas import Annotation, Topic, project_key
from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.connection import connected, connection
from stream_app.folds import ESTIMATORS
from stream_app.settings import UNPROTECTED, Settings
from stream_app.topics import ensure_topics
from stream_app.trainer import Task, Trainer

ROLES = ("worker", "labelling", "bridge", "trainer", "reader", "operator")
WEBHOOK_SECRET = "hush-of-the-webhooks"
LACKING = "lacking"
"""A worker without one of its rights."""
PASSWORDS = {name: f"hush-{name}" for name in (*ROLES, LACKING)}
CREATE = ("project", "set", "animals", "--classes", "cat,dog", "--models", "m", "--budget", "3")

Door = Callable[..., Settings]
"""Gives the settings by which a user comes in by password; more of them may be said."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def guarded(authority: Authority) -> Iterator[Broker]:
    """Run a Kafka that denies what is not allowed; who comes to its plain listener may do all."""
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    users = " ".join(f'user_{name}="{password}"' for name, password in PASSWORDS.items())
    properties = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:CN=worker",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(authority.sign("broker").both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.certificate),
        "listener.name.ssl.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": scram,
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,
        "listener.name.sasl_ssl.plain.sasl.jaas.config": f"{plain} {users};",
        "listener.name.sasl_plaintext.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": scram,
    }
    listeners = ("SSL", "SASL_SSL", "SASL_PLAINTEXT")
    with Broker(properties=properties, listeners=listeners, users=PASSWORDS) as broker:
        yield broker


@pytest.fixture
def plain(guarded: Broker, tmp_path: Path) -> Settings:
    """Return the settings of a new deployment for someone who may do everything."""
    name = f"guarded-{uuid.uuid4().hex[:8]}"
    return Settings(
        **UNPROTECTED,
        bootstrap_servers=guarded.bootstrap_servers,
        app_id=name,
        topic_prefix=f"{name}.",
        partitions=2,
        data_dir=tmp_path / "worker",
        web_port=0,
    )


@pytest.fixture
def door(guarded: Broker, plain: Settings, authority: Authority) -> Door:
    def door(user: str, **more: object) -> Settings:
        protection = {
            "bootstrap_servers": guarded.address("SASL_SSL"),
            "security_protocol": "SASL_SSL",
            "sasl_username": user,
            "sasl_password": PASSWORDS[user],
            "ssl_cafile": authority.certificate,
        }
        return Settings(**plain.model_dump() | protection | more)

    return door


@pytest.fixture
def acls(plain: Settings, tmp_path: Path) -> list[Acl]:
    """Return what the document allows in this deployment."""
    return documented(plain, tmp_path)


async def train(settings: Settings) -> int:
    """Train a model on the consensus; return how many items the window behind it selects."""
    features = np.random.default_rng(0).normal(size=(20, 3))
    task = Task([f"item {n}" for n in range(20)], features)
    async with Client(settings) as client:
        estimators = [ESTIMATORS["logistic-regression"](0)]
        window = await Trainer(client, "animals", task, estimators, folds=2).train()
    return window.counts.selected


@contextmanager
def bridging(settings: Settings) -> Iterator[str]:
    """Run a bridge whose Label Studio is away; give where it listens for webhooks."""
    wiring = ("--url", "http://127.0.0.1:9", "--studio-project", "1", "--port", "0")
    command = ("-m", "stream_app.cli", "label-studio", "animals", *wiring)
    bridge = WorkerProcess(settings, command)
    try:
        bridge.wait_for("event='away'")
        yield re.findall(r"event='listening' url='([^']+)'", bridge.text())[0]
        assert bridge.process.poll() is None, bridge.text()[-4000:]
    finally:
        bridge.kill()


def annotate(url: str, secret: str) -> int:
    """Say by a webhook that a user of Label Studio has given a label."""
    annotation = {
        "id": 1,
        "task": 7,
        "completed_by": 3,
        "was_cancelled": False,
        "updated_at": "2026-01-01T00:00:00Z",
        "result": [{"from_name": "label", "type": "choices", "value": {"choices": ["cat"]}}],
    }
    webhook = {
        "action": "ANNOTATION_CREATED",
        "project": {"id": 1},
        "task": {"id": 7, "data": {"activelab_item": "item 9"}},
        "annotation": annotation,
    }
    request = Request(url, orjson.dumps(webhook), {"X-ActiveLab-Secret": secret})
    with urlopen(request) as answer:
        return int(answer.status)


async def misplace(settings: Settings) -> None:
    """Put an answer where it does not belong."""
    producing = AIOKafkaProducer(**connection(settings))
    async with Client(settings) as client, connected(producing, settings) as producer:
        await producer.send_and_wait(
            settings.topic(Topic.ANNOTATIONS),
            Annotation(item="item 1", annotator="c", label="cat").to_bytes(),
            key=project_key("animals"),
            partition=1 - client.home("animals"),
        )


def test_with_the_documented_acls_each_role_does_its_work_and_not_anothers(
    guarded: Broker,
    door: Door,
    acls: list[Acl],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STREAM_APP_LABEL_STUDIO_TOKEN", "of nobody")
    monkeypatch.setenv("STREAM_APP_LABEL_STUDIO_SECRET", WEBHOOK_SECRET)
    asyncio.run(allow(guarded, acls))
    operator = CommandLine(door("operator"))
    labelling = CommandLine(door("labelling"))
    reader = CommandLine(door("reader"))
    assert "9 topics" in operator.say("topics", "create")
    with worker(door("worker")) as at_work:
        operator.say(*CREATE)
        answers = [(f"item {n}", who, "cat" if n % 2 else "dog") for n in range(8) for who in "ab"]
        labelling.say("publish", "annotations", "animals", labels(tmp_path, answers))
        assert asyncio.run(train(door("trainer"))) == 3
        for _ in range(2):  # the second one reads what the first one said
            with bridging(door("bridge", data_dir=tmp_path / "bridge")) as url:
                assert annotate(url, WEBHOOK_SECRET) == 200
        assert "label-studio-3" in operator.say("item", "show", "animals", "item 9")
        for client in (reader, labelling, operator):
            assert "3 selected" in client.say("window", "show", "animals")
        assert operator.read("project", "show", "animals")["workers"] == 1
        assert "item 1" in operator.say("item", "show", "animals", "item 1")
        asyncio.run(misplace(door("labelling")))
        operator.say("window", "close", "animals", "--budget", "1")
        assert "wrong_partition" in operator.say("dead-letters", "list")
        assert "Redriven: 1" in operator.say("dead-letters", "redrive")
        assert "agrees" in operator.say("audit", "animals", "--all")

        file = predictions(tmp_path, 20)
        written = (
            labelling.say("publish", "predictions", "animals", file, code=1),
            labelling.say("project", "set", "animals", "--budget", "9", code=1),
            reader.say("window", "close", "animals", code=1),
        )
        assert all("AuthorizationFailedError" in refused for refused in written)
        read = reader.say("item", "show", "animals", "item 1", code=1)
        assert "is not for us: we may not even ask whether it exists" in read
        assert PASSWORDS["worker"] not in at_work.text()


@pytest.mark.parametrize(
    ("lack", "sentence"),
    [
        ("Read group {app}", "GroupAuthorizationFailedError('{app}')"),
        ("Write transactional_id {app}-", "TransactionalIdAuthorizationFailed: {app}-"),
        ("Write topic {app}-facts-changelog", "AuthorizationFailedError('{app}-facts-changelog')"),
        ("Read topic {app}.annotations.v1", "Topic {app}.annotations.v1 is not for us"),
    ],
)
def test_a_worker_without_one_of_its_rights_ends_and_says_which(
    lack: str, sentence: str, guarded: Broker, plain: Settings, door: Door, acls: list[Acl]
) -> None:
    mine = [acl._replace(principal=f"User:{LACKING}") for acl in acls if "worker" in acl.principal]
    lacked = lack.format(app=plain.app_id)
    kept = [acl for acl in mine if f"{acl.operation} {acl.resource} {acl.name}" != lacked]
    assert len(kept) == len(mine) - 1
    asyncio.run(allow(guarded, kept))
    asyncio.run(ensure_topics(plain))
    CommandLine(plain).say(*CREATE)
    lacking = WorkerProcess(door(LACKING))
    assert lacking.ended() == 1
    *_, last = re.findall(r"^(?!timestamp=)\S.*$", lacking.text(), re.MULTILINE)
    assert sentence.format(app=plain.app_id) in last


def test_a_certificate_is_as_good_as_a_password(
    guarded: Broker, plain: Settings, authority: Authority, tmp_path: Path
) -> None:
    signed = authority.sign("worker")
    protection = {
        "bootstrap_servers": guarded.address("SSL"),
        "security_protocol": "SSL",
        "ssl_cafile": authority.certificate,
        "ssl_certfile": signed.certificate,
        "ssl_keyfile": signed.key,
    }
    settings = Settings(**plain.model_dump() | protection)
    cli = CommandLine(settings)
    with worker(settings):
        cli.say(*CREATE)
        cli.say("publish", "predictions", "animals", predictions(tmp_path, 10))
        assert "3 selected" in cli.say("window", "close", "animals")
        assert "agrees" in cli.say("audit", "animals")


@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [
        ("SASL_SSL", "PLAIN"),
        ("SASL_SSL", "SCRAM-SHA-256"),
        ("SASL_SSL", "SCRAM-SHA-512"),
        ("SASL_PLAINTEXT", "SCRAM-SHA-512"),
    ],
)
def test_a_password_is_taken_by_every_mechanism(
    protocol: str, mechanism: str, guarded: Broker, door: Door, acls: list[Acl]
) -> None:
    asyncio.run(allow(guarded, [acl for acl in acls if "operator" in acl.principal]))
    way: dict[str, object] = {
        "security_protocol": protocol,
        "bootstrap_servers": guarded.address(protocol),
        "sasl_mechanism": mechanism,
    }
    if not protocol.endswith("SSL"):
        way["ssl_cafile"] = None
    operator = CommandLine(door("operator", **way))
    operator.say("topics", "create")
    assert operator.read("project", "list") == []


def test_a_worker_with_a_wrong_password_says_so_and_ends(door: Door) -> None:
    refused = WorkerProcess(door("worker", sasl_password="hush-wrong"))
    assert refused.ended() == 1
    *_, last = filter(None, refused.text().splitlines())
    assert re.fullmatch(r"Kafka at \S+ refuses user 'worker' with SCRAM-SHA-512: .*\.", last)
    assert "hush" not in refused.text()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("password", "refuses user 'operator' with SCRAM-SHA-512: "),
        ("password of PLAIN", "refuses user 'operator' with PLAIN: "),
        ("authority", "is not who we trust (unable to get local issuer certificate)"),
        ("name", "is not who we trust (Hostname mismatch"),
        ("no certificate", "Is STREAM_APP_SECURITY_PROTOCOL=SSL what it speaks there?"),
        ("no TLS", "Is STREAM_APP_SECURITY_PROTOCOL=PLAINTEXT what it speaks there?"),
        ("no TLS there", "Is STREAM_APP_SECURITY_PROTOCOL=SASL_SSL what it speaks there?"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    wrong: str,
    sentence: str,
    guarded: Broker,
    authority: Authority,
    door: Door,
    tmp_path: Path,
) -> None:
    by_name = guarded.address("SASL_SSL").replace("127.0.0.1", "localhost")
    ways: dict[str, dict[str, object]] = {
        "password": {"sasl_password": "hush-wrong"},
        "password of PLAIN": {"sasl_password": "hush-wrong", "sasl_mechanism": "PLAIN"},
        "authority": {"ssl_cafile": Authority(tmp_path, "another").certificate},
        "name": {"bootstrap_servers": by_name},
        "no certificate": UNPROTECTED
        | {
            "bootstrap_servers": guarded.address("SSL"),
            "security_protocol": "SSL",
            "ssl_cafile": authority.certificate,
        },
        "no TLS": UNPROTECTED,
        "no TLS there": {"bootstrap_servers": guarded.bootstrap_servers},
    }
    said = CommandLine(door("operator", **ways[wrong])).say("project", "list", code=1)
    assert sentence in said
    assert said.count("Kafka at ") == 1
    assert "hush" not in said
