"""Every setting, read once at the entry from the environment or `.env`, and passed on as a value.

This module owns names, defaults, units and help; docs/settings.md lists the same fields, and a test
holds the two together.
"""

import hashlib
import ipaddress
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL

from backend.errors import SettingsError
from backend.report_settings import ProjectSettings
from backend.sam_settings import SamSettings
from backend.training_settings import OFF, checked_cron

# Linux refuses a longer path for a Unix socket (sun_path holds 108 bytes, the closing zero included).
UNIX_SOCKET_MAX_BYTES = 107


class Settings(SamSettings, ProjectSettings, BaseSettings):
    """Configuration of server, worker and command line. Empty text means "not set"."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=True
    )

    label_studio_url: str = Field("http://localhost:8080", description="Address of Label Studio.")
    label_studio_api_key: SecretStr = Field(
        SecretStr(""),
        description="Personal access token or legacy token of a Label Studio user who sees the projects.",
    )
    label_studio_public_url: str = Field(
        "", description="Address of Label Studio in people's browsers, for links. Empty: LABEL_STUDIO_URL."
    )
    backend_url: str = Field(
        "", description="Address at which Label Studio reaches this server. Empty: http://localhost:PORT."
    )
    data_dir: Path = Field(
        Path("data"), description="Folder for the database, weights and the embedded Redis."
    )
    model_dir: Path | None = Field(
        None,
        description="Folder of weights; `model_path` may name only files in it. Empty: DATA_DIR/models.",
    )
    database_url: str = Field(
        "", description="SQLAlchemy address of the database. Empty: SQLite in DATA_DIR."
    )
    database_timeout: float = Field(
        5.0, gt=0, description="Seconds to wait for a locked or slow database before giving up."
    )
    redis_url: str = Field("", description="Address of Redis. Empty: an embedded one in DATA_DIR.")
    host: str = Field(
        "127.0.0.1", description="Address to listen on. Without basic auth only a loopback address is used."
    )
    port: int = Field(9090, ge=1, le=65535, description="Port to listen on.")
    web_workers: int = Field(2, ge=1, description="Server processes.")
    web_threads: int = Field(
        32, ge=1, description="Requests that one server process handles at once; most of them wait."
    )
    basic_auth_user: str = Field("", description="User name that Label Studio must send (HTTP basic).")
    basic_auth_pass: SecretStr = Field(SecretStr(""), description="Password that Label Studio must send.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Secret that webhooks must send in the header X-Webhook-Secret."
    )
    yolo_weights: str = Field(
        "yolo11n.pt", description="Weights for tags without `model_path`: a file, or a name under MODEL_DIR."
    )
    device: str = Field("auto", description="Device for serving: auto, cpu, cuda:0, mps.")
    predict_batch: int = Field(8, ge=1, le=256, description="Most images in one forward pass.")
    predict_max_tasks: int = Field(
        250, ge=1, description="Most tasks in one prediction request; more become a job."
    )
    predict_timeout: float = Field(
        85.0, gt=0, description="Seconds after which a prediction request gives up its remaining tasks."
    )
    score_threshold: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Lowest score of a shown region where a tag sets no model_score_threshold.",
    )
    polygon_points: int = Field(64, ge=3, description="Most points of a polygon drawn around a mask.")
    filter_nested: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of a box inside a surer box of its label that takes it out; 0: never.",
    )
    filter_duplicates: float = Field(
        0.9,
        ge=0,
        le=1,
        description="IoU with a surer box of another label that takes a box out; 0: never.",
    )
    filter_slivers: float = Field(
        3.0, ge=0, description="Pixels of the shorter side below which a box is taken out; 0: never."
    )
    filter_outside: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of a box outside the image above which it is taken out; 1: never.",
    )
    blind_fraction: float = Field(
        0.05, ge=0, le=1, description="Share of tasks whose prediction is kept, but not shown."
    )
    model_cache_mb: int = Field(
        4096, ge=1, description="Memory in MB for loaded models; the least recently used goes first."
    )
    max_body_mb: int = Field(64, ge=1, description="Largest request body in MB.")
    media_threads: int = Field(8, ge=1, description="Images fetched and decoded at once in one process.")
    media_timeout: float = Field(15.0, gt=0, description="Seconds for fetching one image.")
    media_max_mb: int = Field(64, ge=1, description="Largest image file in MB.")
    media_max_megapixels: int = Field(100, ge=1, description="Largest image in millions of pixels.")
    media_max_redirects: int = Field(3, ge=0, description="Redirects followed for one image.")
    media_cache_mb: int = Field(
        2048, ge=0, description="Disk space in MB for fetched images, under DATA_DIR; 0: none is kept."
    )
    media_cache_hours: float = Field(
        24.0, gt=0, description="Hours after which a kept image is fetched again."
    )
    media_allowed_hosts: str = Field(
        "", description="Host names on private addresses that images may come from, separated by commas."
    )
    sync_cron: str = Field(
        "17 * * * *",
        description="When the ledger is compared with Label Studio, as cron writes it, by this machine's "
        "time; off: never by itself.",
    )
    artifact_url: str = Field(
        "",
        description="Where weights, checkpoints and training images are kept: a folder, or an address as "
        "fsspec has it, such as s3://bucket/path. Empty: DATA_DIR/artifacts.",
    )
    alert_urls: SecretStr = Field(
        SecretStr(""),
        description="Addresses that alerts are sent to, as apprise writes them, separated by spaces. Empty: "
        "alerts stand in the log alone.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )

    @field_validator("label_studio_url", "label_studio_public_url", "backend_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("an address must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("sync_cron")
    @classmethod
    def _sync_cron(cls, value: str) -> str:
        return checked_cron(value)

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        if bool(self.basic_auth_user) != bool(self.basic_auth_pass.get_secret_value()):
            raise ValueError("BASIC_AUTH_USER and BASIC_AUTH_PASS are set together or not at all")
        return self

    @cached_property
    def models_path(self) -> Path:
        """Folder of model weights, absolute."""
        return (self.model_dir or self.data_dir / "models").resolve()

    @cached_property
    def artifact_address(self) -> str:
        """Where artifacts are kept, as fsspec writes it."""
        return self.artifact_url.rstrip("/") or str((self.data_dir / "artifacts").resolve())

    def of_project(self, changes: Mapping[str, object]) -> ProjectSettings:
        """Return what holds for a project with settings of its own.

        Raises:
            SettingsError: a name or a value cannot be used.
        """
        given = {name: getattr(self, name) for name in ProjectSettings.model_fields}
        try:
            return ProjectSettings.model_validate({**given, **changes})
        except ValidationError as error:
            raise SettingsError(_explain(error)) from None

    @cached_property
    def label_studio_link(self) -> str:
        """Address at which people reach Label Studio, without a closing slash."""
        return self.label_studio_public_url or self.label_studio_url

    @cached_property
    def public_url(self) -> str:
        """Address at which Label Studio reaches this server, without a closing slash."""
        return self.backend_url or f"http://localhost:{self.port}"

    @cached_property
    def database_address(self) -> str:
        """SQLAlchemy address of the database in use."""
        path = str((self.data_dir / "backend.sqlite3").resolve())
        return self.database_url or URL.create("sqlite", database=path).render_as_string(hide_password=False)

    @cached_property
    def redis_socket(self) -> Path:
        """Unix socket of the embedded Redis; in the temporary folder where DATA_DIR's path is too long."""
        inside = (self.data_dir / "redis.sock").resolve()
        if len(str(inside).encode()) <= UNIX_SOCKET_MAX_BYTES:
            return inside
        digest = hashlib.sha256(str(inside).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"label-studio-yolo-sam-{digest}.sock"

    @cached_property
    def redis_address(self) -> str:
        """Address of the Redis in use."""
        return self.redis_url or f"unix://{self.redis_socket}"

    @property
    def sync_times(self) -> str | None:
        """SYNC_CRON; None for never."""
        return None if self.sync_cron.lower() == OFF else self.sync_cron

    @property
    def has_basic_auth(self) -> bool:
        """True if callers must name user and password."""
        return bool(self.basic_auth_user and self.basic_auth_pass.get_secret_value())

    @cached_property
    def bind_host(self) -> str:
        """Address to listen on: HOST, or loopback where callers need not name a password."""
        return self.host if self.has_basic_auth or is_loopback(self.host) else "127.0.0.1"

    @cached_property
    def allowed_hosts(self) -> frozenset[str]:
        """Lower-case host names on private addresses that images may come from."""
        return frozenset(h.strip().lower() for h in self.media_allowed_hosts.split(",") if h.strip())


def is_loopback(host: str) -> bool:
    """Tell whether `host` (a name or an address) means this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_settings() -> Settings:
    """Read the settings from the environment and `.env`.

    Raises:
        SettingsError: a value cannot be used; names the setting, and what was expected of it. The value
            itself is left out, since it may be a secret.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = [": ".join([*(str(p).upper() for p in e["loc"]), e["msg"]]) for e in error.errors()]
    return "Cannot use the settings. " + "; ".join(lines)
