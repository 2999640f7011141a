"""What an operator sets for a worker or a client: environment ``STREAM_APP_*``, read once."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Deployment settings; a project's own settings travel in control.v1 instead."""

    model_config = SettingsConfigDict(env_prefix="STREAM_APP_", frozen=True, extra="forbid")

    bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="Kafka brokers, host:port, comma separated."
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
        default=6066, ge=0, le=65535, description="Port of /metrics, /healthz, /readyz; 0 = any."
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
        """Return the environment that gives these settings to another process."""
        prefix = self.model_config["env_prefix"]
        return {f"{prefix}{name.upper()}": str(value) for name, value in self}
