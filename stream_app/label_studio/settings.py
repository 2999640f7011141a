"""What the bridge is told: secrets by the environment, all else by whoever starts it."""

from dataclasses import dataclass
from typing import Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from stream_app.label_studio.answers import Wording
from stream_app.settings import PREFIX

MIN_SECRET: Final = 16
"""Characters of a webhook's secret, at least: it is all that protects the annotations."""


class StudioSettings(BaseSettings):
    """Secrets: everyone sees a command line."""

    model_config = SettingsConfigDict(
        env_prefix=f"{PREFIX}LABEL_STUDIO_",
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,
    )

    token: SecretStr = Field(
        description="Of a user of Label Studio who may change tasks: a personal access token, or a "
        "legacy token."
    )
    secret: SecretStr = Field(
        min_length=MIN_SECRET, description="What a webhook must have in its header."
    )


@dataclass(frozen=True, slots=True)
class Wiring:
    """Which projects belong together, and how the two sides find each other."""

    project: str
    """Ours."""
    studio_project: int
    """Label Studio's."""
    url: str
    """Where Label Studio is."""
    wording: Wording
    host: str = "127.0.0.1"
    port: int = 8089
    """Where webhooks are listened to; 0: any free port."""
    webhook_url: str | None = None
    """Where Label Studio reaches us: given, the bridge puts the webhook there itself."""
    pass_seconds: float = 60.0
    """Between two passes over what has changed."""
    full_pass_seconds: float = 3600.0
    """Between two passes over everything, which alone finds deleted tasks."""

    @property
    def source(self) -> bytes:
        """Name what this bridge has said among the records of annotations.v1."""
        return f"{self.wording.name}/{self.studio_project}".encode()
