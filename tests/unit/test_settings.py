"""Settings travel whole to other processes, and a password is shown by nothing."""

import subprocess
from pathlib import Path

import pytest
from certificates import Authority
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from pydantic import SecretStr, ValidationError

from stream_app.connection import connection, protection
from stream_app.errors import BrokerError
from stream_app.settings import PREFIX, UNPROTECTED, Settings
from stream_app.transport.credentials import credentials

PASSWORD = "hush, hush"
SASL = {"sasl_username": "ann", "sasl_password": PASSWORD}


@pytest.fixture
def protected() -> Settings:
    return Settings(security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-256", **SASL)


def test_settings_come_back_from_the_environment_that_they_give(
    protected: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in protected.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == protected
    assert Settings().sasl_password == SecretStr(PASSWORD)


def test_the_environment_of_an_unprotected_kafka_takes_the_protection_of_another_away(
    protected: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in protected.environment().items():
        monkeypatch.setenv(name, value)
    ours = Settings(**UNPROTECTED)
    for name, value in ours.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == ours
    assert connection(Settings()) == {
        "bootstrap_servers": ours.bootstrap_servers,
        "security_protocol": "PLAINTEXT",
    }


def test_every_setting_is_in_the_environment(protected: Settings) -> None:
    assert protected.environment().keys() == {
        f"{PREFIX}{name.upper()}" for name in Settings.model_fields
    }


def test_a_password_is_not_shown(protected: Settings) -> None:
    shown = [repr(protected), str(protected), protected.model_dump_json()]
    with pytest.raises(ValidationError) as refused:
        Settings(security_protocol="SSL", **SASL)
    shown += [str(refused.value), repr(refused.value), repr(credentials(protected))]
    assert not [text for text in shown if PASSWORD in text]


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])
def test_faust_connects_as_the_other_clients_do(protocol: str) -> None:
    needed = SASL if protocol.startswith("SASL") else {}
    settings = Settings(security_protocol=protocol, **needed)
    ours, faust = protection(settings), credentials_to_aiokafka_auth(credentials(settings))
    # A context of its own each, or none.
    assert type(ours.pop("ssl_context", None)) is type(faust.pop("ssl_context", None))
    assert faust == ours


def test_a_file_without_a_certificate_is_refused_by_the_name_of_its_setting() -> None:
    settings = Settings(security_protocol="SSL", ssl_cafile=Path(__file__))
    with pytest.raises(BrokerError, match=r"STREAM_APP_SSL_CAFILE is .*test_settings\.py, which"):
        connection(settings)


def test_a_key_with_a_password_is_refused_not_asked_for(tmp_path: Path) -> None:
    signed = Authority(tmp_path).sign("worker")
    locked = tmp_path / "locked.key"
    lock = ["openssl", "pkcs8", "-topk8", "-in", signed.key, "-out", locked, "-passout", "pass:x"]
    subprocess.run(lock, check=True, capture_output=True)
    files = {"ssl_certfile": signed.certificate, "ssl_keyfile": locked}
    with pytest.raises(BrokerError, match=r"STREAM_APP_SSL_CERTFILE is .*worker\.pem, which can't"):
        connection(Settings(security_protocol="SSL", **files))
    assert connection(Settings(security_protocol="SSL", ssl_certfile=signed.both))
