"""What an operator sets for a worker or a client: environment ``STREAM_APP_*``, read once."""

from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "STREAM_APP_"


class Settings(BaseSettings):
    """Deployment settings; a project's own settings travel in control.v1 instead."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,  # a password may be in it
    )

    bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="Kafka brokers, host:port, comma separated."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="What the brokers speak: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
    )
    sasl_username: str | None = Field(default=None, description="Needed with SASL.")
    sasl_password: SecretStr | None = Field(default=None, description="Needed with SASL.")
    ssl_cafile: FilePath | None = Field(
        default=None,
        description="Who signs the brokers' certificates (PEM); the system's authorities if none.",
    )
    ssl_certfile: FilePath | None = Field(
        default=None, description="Our certificate (PEM), where the brokers ask for one."
    )
    ssl_keyfile: FilePath | None = Field(
        default=None, description="Its key (PEM, without a password), where it is in another file."
    )
    app_id: str = Field(
        default="activelab-stream",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="Names the consumer group, the changelog and the transactional ids.",
    )
    topic_prefix: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="Put before every topic's name, so that deployments can share a cluster.",
    )
    partitions: int = Field(
        default=8, ge=1, le=10_000, description="Partitions of every topic; fixed for life."
    )
    replication_factor: int = Field(
        default=1, ge=1, le=100, description="Replicas of the topics that the app creates."
    )
    data_dir: Path = Field(
        default=Path("activelab-stream-data"),
        description="Folder of this worker's RocksDB; one a worker, never shared.",
    )
    web_host: str = Field(default="127.0.0.1", description="Address that the worker's web binds.")
    web_port: int = Field(
        default=6066,
        ge=0,
        le=65535,
        description="Port of the page, the API, /metrics, /healthz and /readyz; 0 = any.",
    )
    web_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#@]+)?$",
        description="Where other workers reach this one's web; by default, where it binds.",
    )
    api_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Whoever has it may steer by HTTP, and read from other machines.",
    )
    run_rows: int = Field(
        default=20_000, ge=1, description="Rows of facts in one transaction, at most."
    )
    run_bytes: int = Field(
        default=4 << 20, ge=1 << 10, description="Bytes of input in one transaction, at most."
    )
    commit_timeout: float = Field(
        default=30.0,
        gt=0,
        description="Seconds that a transaction may take before the worker ends.",
    )
    transaction_timeout: float = Field(
        default=15.0,
        gt=0,
        description="Seconds after which the broker aborts a dead worker's transaction.",
    )
    session_timeout: float = Field(
        default=10.0, ge=6, description="Seconds after which a silent worker loses its partitions."
    )
    log_level: str = Field(
        default="info",
        pattern="^(debug|info|warning|error)$",
        description="Log level: debug, info, warning or error.",
    )

    def topic(self, name: str) -> str:
        """Return the full name of a topic of this deployment."""
        return self.topic_prefix + name

    def environment(self) -> dict[str, str]:
        """Return the environment that gives these settings to another process, secrets included."""
        return {variable(name): _written(value) for name, value in self}

    @model_validator(mode="after")
    def _refuse_half_a_protection(self) -> Self:
        """Raise where something is missing, and where something would be kept that is not used."""
        protocol = self.security_protocol
        given = {name for name in UNPROTECTED if getattr(self, name)}
        missing, unused = set[str](), set[str]()
        if protocol.startswith("SASL"):
            missing |= {"sasl_username", "sasl_password"} - given
        else:
            unused |= {"sasl_username", "sasl_password"} & given
        if not protocol.endswith("SSL"):
            unused |= {"ssl_cafile", "ssl_certfile", "ssl_keyfile"} & given
        elif "ssl_keyfile" in given:
            missing |= {"ssl_certfile"} - given
        for names, what in ((missing, "is missing"), (unused, "would not be used")):
            if names:
                setting = variable("security_protocol")
                message = f"{setting} is {protocol}, and {variable(min(names))} {what}"
                raise ValueError(message)
        return self


UNPROTECTED: Final[dict[str, Any]] = {
    name: field.default
    for name, field in Settings.model_fields.items()
    if name.startswith(("security_", "sasl_", "ssl_"))
}
"""How Kafka is reached by default; said in full where it is a Kafka of our own, whatever the
environment says of another."""
SECRET: Final = (*UNPROTECTED, "api_token")
"""What comes from the environment alone: everyone sees a command line."""


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def _written(value: object) -> str:
    """Return a value as the environment holds it; nothing is empty there."""
    if value is None:
        return ""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
