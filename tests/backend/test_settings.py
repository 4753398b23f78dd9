"""Settings: read from the environment and `.env`, refused with a reason, never shown where secret."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import make_url

from backend.errors import SettingsError
from backend.settings import UNIX_SOCKET_MAX_BYTES, Settings, is_loopback, read_settings

SECRETS = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]


@pytest.fixture(autouse=True)
def empty_folder(clean_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read no `.env` but one that the test itself writes."""
    monkeypatch.chdir(tmp_path)


def make(**changes: Any) -> Settings:
    return Settings(_env_file=None, **changes)


def test_environment_goes_before_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=1111\nHOST=0.0.0.0\nUNKNOWN=1\n")
    monkeypatch.setenv("PORT", "2222")
    assert (read_settings().port, read_settings().host) == (2222, "0.0.0.0")


def test_empty_text_means_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "")
    assert read_settings() == make()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make().port = 1  # type: ignore[misc]


def test_there_are_secrets() -> None:
    assert set(SECRETS) == {"alert_urls", "label_studio_api_key", "basic_auth_pass", "webhook_secret"}


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_not_shown(name: str) -> None:
    settings = make(**{"basic_auth_user": "u", "basic_auth_pass": "p", name: "s3cret"})
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()}"
    assert getattr(settings, name).get_secret_value() == "s3cret"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("PORT", "hunter2", id="a word for a number"),
        pytest.param("PORT", "0", id="port 0"),
        pytest.param("PORT", "65536", id="port over the last"),
        pytest.param("DATABASE_TIMEOUT", "0", id="no time at all"),
        pytest.param("SCORE_THRESHOLD", "1.01", id="threshold over 1"),
        pytest.param("SCORE_THRESHOLD", "nan", id="threshold that is no number"),
        pytest.param("MEDIA_TIMEOUT", "-1", id="negative time"),
        pytest.param("PREDICT_BATCH", "0", id="empty batch"),
        pytest.param("PREDICT_BATCH", "257", id="batch over the limit"),
        pytest.param("LOG_LEVEL", "hunter2", id="unknown level"),
        pytest.param("LABEL_STUDIO_URL", "hunter2:8080", id="address without http"),
        pytest.param("BACKEND_URL", "ftp://hunter2", id="address of another scheme"),
        pytest.param("SYNC_CRON", "hunter2", id="no times of cron"),
        pytest.param("SYNC_CRON", "61 * * * *", id="minute over the last"),
        pytest.param("SYNC_CRON", "* * * * * *", id="seconds beside minutes"),
    ],
)
def test_refusal_names_the_setting_and_not_the_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}: ") as refused:
        read_settings()
    assert "hunter2" not in str(refused.value)


def test_all_that_is_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("WEB_THREADS", "0")
    with pytest.raises(SettingsError, match=r"PORT: .*; WEB_THREADS: "):
        read_settings()


@pytest.mark.parametrize(
    ("written", "times"),
    [("off", None), ("OFF ", None), ("*/5 * * * *", "*/5 * * * *"), ("0 3 * * mon", "0 3 * * mon")],
)
def test_sync_is_at_the_times_of_cron_or_never(written: str, times: str | None) -> None:
    assert make(sync_cron=written).sync_times == times


def test_log_level_may_be_written_in_capitals() -> None:
    assert make(log_level="WARNING").log_level == "warning"


def test_closing_slash_of_an_address_is_dropped() -> None:
    settings = make(label_studio_url="https://studio.example/app/", backend_url="https://ml.example//")
    assert settings.label_studio_url == "https://studio.example/app"
    assert settings.public_url == "https://ml.example"


def test_address_of_this_server_defaults_to_its_port() -> None:
    assert make(port=9191).public_url == "http://localhost:9191"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"host": "0.0.0.0"}, "127.0.0.1", id="no password"),
        pytest.param({"host": "0.0.0.0", "webhook_secret": "s"}, "127.0.0.1", id="webhook secret alone"),
        pytest.param(
            {"host": "0.0.0.0", "basic_auth_user": "u", "basic_auth_pass": "p"}, "0.0.0.0", id="both"
        ),
        pytest.param({"host": "::1"}, "::1", id="loopback of the newer kind"),
        pytest.param({"host": "localhost"}, "localhost", id="this machine's name"),
    ],
)
def test_without_a_password_only_this_machine_is_served(changes: dict[str, str], expected: str) -> None:
    assert make(**changes).bind_host == expected


@pytest.mark.parametrize("half", ["basic_auth_user", "basic_auth_pass"])
def test_user_and_password_are_set_together_or_not_at_all(half: str) -> None:
    with pytest.raises(ValidationError, match="together"):
        make(**{half: "x"})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.168.1.1", "localhost.evil.com", "127.0.0.1.evil.com"]
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_allowed_hosts_are_split_trimmed_and_lower_case() -> None:
    assert make(media_allowed_hosts=" MinIO.lan , 10.0.0.5,, ").allowed_hosts == {"minio.lan", "10.0.0.5"}
    assert make().allowed_hosts == frozenset()


def test_everything_lies_in_the_data_folder(tmp_path: Path) -> None:
    settings = make(data_dir=Path("here"))
    assert settings.models_path == tmp_path / "here" / "models"
    assert settings.database_address == f"sqlite:///{tmp_path}/here/backend.sqlite3"
    assert settings.redis_address == f"unix://{tmp_path}/here/redis.sock"


def test_addresses_of_ones_own_go_before_the_data_folder(tmp_path: Path) -> None:
    settings = make(model_dir=tmp_path / "m", database_url="postgresql://h/d", redis_url="redis://h/1")
    assert settings.models_path == tmp_path / "m"
    assert (settings.database_address, settings.redis_address) == ("postgresql://h/d", "redis://h/1")


@pytest.mark.parametrize("name", ["with space", "100%", "données 数据", "a#b", "what?"])
def test_database_lies_in_the_data_folder_whatever_its_name(name: str, tmp_path: Path) -> None:
    url = make_url(make(data_dir=tmp_path / name).database_address)
    assert url.database == str(tmp_path / name / "backend.sqlite3")


@pytest.mark.parametrize("name", ["x" * 200, "数" * 40])
def test_socket_of_a_long_path_moves_to_the_temporary_folder(name: str, tmp_path: Path) -> None:
    path = make(data_dir=tmp_path / name).redis_socket
    assert path.parent == Path(tempfile.gettempdir())
    assert len(str(path).encode()) <= UNIX_SOCKET_MAX_BYTES
    assert path == make(data_dir=tmp_path / name).redis_socket
    assert path != make(data_dir=tmp_path / f"{name}2").redis_socket
