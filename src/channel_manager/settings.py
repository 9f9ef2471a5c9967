"""Settings, each from an environment variable `CHANNEL_MANAGER_<NAME>`."""

from functools import cache
from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_URL = "http://localhost:8000"


class Settings(BaseSettings):
    """How this process runs. What a venue sells is not here but in the venue file."""

    model_config = SettingsConfigDict(env_prefix="CHANNEL_MANAGER_", frozen=True)

    database_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("CHANNEL_MANAGER_DATABASE_URL", "DATABASE_URL"),
        description="PostgreSQL 15 or newer. Without one, the embedded PostgreSQL is used.",
    )
    home: Path = Field(
        default=Path("~/.channel-manager"),
        description="Where the embedded database keeps its data.",
    )
    public_url: str | None = Field(
        default=None,
        description="The address guests reach this service by; manifestUrl starts with it."
        " `serve` takes its own address where there is none.",
    )
    development: bool = Field(
        default=False,
        description="Allows webhooks to plain http and to loopback addresses.",
    )
    pool_size: int = Field(default=10, ge=1, description="Database connections per process.")
    worker_concurrency: int = Field(
        default=8, ge=1, description="Orders that one worker process issues at the same time."
    )
    worker_batch: int = Field(default=40, ge=1, description="Jobs that a worker claims at once.")
    heartbeat_seconds: float = Field(
        default=8.0,
        gt=0,
        description="A job whose worker has been silent for this long goes to another worker.",
    )
    log_level: str = "INFO"
    log_format: str = Field(
        default="auto",
        pattern="^(auto|json|console)$",
        description="auto: for people at a terminal, JSON everywhere else.",
    )
    max_body_bytes: int = Field(default=1_048_576, description="Contract: 1 MiB.")

    @property
    def guest_url(self) -> str:
        """What manifestUrl starts with."""
        return (self.public_url or DEFAULT_URL).rstrip("/")

    @property
    def home_path(self) -> Path:
        """`home` with `~` expanded, absolute."""
        return self.home.expanduser().resolve()


@cache
def settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
