"""Settings, each from an environment variable `CHANNEL_MANAGER_<NAME>`."""

from functools import cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

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
        default=8,
        ge=1,
        description="Groups of orders, up to 25 of one company each, that a worker issues at once.",
    )
    worker_batch: int = Field(default=40, ge=1, description="Jobs that a worker claims at once.")
    worker_name: str = Field(
        default="",
        description="What no other worker is called, the same for every start of this one: it"
        " then takes up at once what it held when it was killed. `serve` names its own.",
    )
    heartbeat_seconds: float = Field(
        default=8.0,
        gt=0,
        description="A job whose worker has been silent for this long goes to another worker.",
    )
    webhook_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(),
        description="Networks that webhooks may reach although they are private, for receivers"
        " inside the venue: comma-separated, like 10.20.0.0/16,fd00:1::/64.",
    )
    webhook_concurrency: int = Field(
        default=16,
        ge=1,
        le=64,
        description="Deliveries that one worker process has on their way to one receiver.",
    )
    webhook_log_days: int = Field(
        default=30, ge=4, description="How long deliveries and their attempts are kept."
    )
    reply_days: int = Field(
        default=7,
        ge=1,
        description="How long a request with an Idempotency-Key gets its first reply again.",
    )
    exchange_days: int = Field(
        default=30,
        ge=0,
        description="How long partners' calls about orders are kept as they came, with what they"
        " were answered; 0 keeps none.",
    )
    log_level: str = "INFO"
    log_format: str = Field(
        default="auto",
        pattern="^(auto|json|console)$",
        description="auto: for people at a terminal, JSON everywhere else.",
    )
    rate_limit: int = Field(
        default=6_000, ge=1, description="Requests per key in 5 minutes, where it has none itself."
    )
    key_concurrency: int = Field(
        default=200, ge=1, description="Requests of one key under way at once in one API process."
    )
    stranger_limit: int = Field(
        default=300,
        ge=1,
        description="Requests without a valid key from one address in 5 minutes, in one process.",
    )
    request_seconds: float = Field(
        default=20.0,
        gt=0,
        description="How long a client may take to send a request's head, and then its body.",
    )
    drain_seconds: float = Field(
        default=0.0,
        ge=0,
        le=15,
        description="How long an API process goes on after SIGTERM, while /readyz says 503: longer"
        " than a proxy takes to notice.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1",
        description="Whose X-Forwarded-For and -Proto are believed: comma-separated addresses and"
        " networks, or * where only a proxy can reach this port.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="What Prometheus sends as a bearer token; without one, /metrics answers this"
        " machine alone.",
    )
    worker_metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="Where a worker that runs by itself tells its metrics, on every address; under"
        " `serve`, the API tells them.",
    )
    retention_days: int | None = Field(
        default=None,
        ge=1,
        description="Days after the last visit until an order's guests are pseudonymised.",
    )
    console_hours: float = Field(
        default=12.0, gt=0, le=720, description="How long a sign-in to the console lasts at most."
    )
    oidc_issuer: str = Field(
        default="",
        description="The venue's OpenID Connect provider, by its issuer's address: people sign in"
        " to the console by it, beside passwords. Needs the extra `oidc`.",
    )
    oidc_client_id: str = Field(default="", description="What the provider calls this console.")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="What this console shows the provider."
    )
    oidc_claim: str = Field(
        default="email",
        description="The claim that is somebody's login here; an e-mail has to be verified.",
    )
    max_body_bytes: int = Field(default=1_048_576, description="Contract: 1 MiB.")

    @field_validator("webhook_networks", mode="before")
    @classmethod
    def _networks(cls, given: object) -> object:
        if isinstance(given, str):
            return tuple(filter(None, (part.strip() for part in given.split(","))))
        return given

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
