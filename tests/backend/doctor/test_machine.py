"""Checks of this machine, each in order and each broken."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from redis import Redis
from rq import Worker

from backend.doctor.case import Case, open_case
from backend.doctor.check import CheckState
from backend.queue import QUEUES
from backend.settings import Settings
from tests.backend.doctor.looks import MakeCase, look_general

OK, FAILED = CheckState.OK, CheckState.FAILED


@pytest.fixture
def worker(redis_address: str) -> Iterator[None]:
    """A worker that listens on every queue, as far as Redis knows."""
    with Redis.from_url(redis_address) as redis:
        worker = Worker(list(QUEUES), connection=redis)
        worker.register_birth()
        yield
        worker.register_death()


def test_settings_that_could_be_read_name_the_server(case: Case) -> None:
    check = look_general("settings", case)
    assert check.state == OK and case.settings.public_url in check.message
    assert "password" in check.message and case.settings.basic_auth_pass.get_secret_value() != ""


def test_host_that_is_not_listened_on_for_want_of_a_password_is_said_so(make_case: MakeCase) -> None:
    open_to_all = make_case(host="0.0.0.0", basic_auth_user="", basic_auth_pass="")
    check = look_general("settings", open_to_all)
    assert check.state == FAILED and "127.0.0.1 alone" in check.message
    assert "BASIC_AUTH_USER=" in check.fix and "BASIC_AUTH_PASS=" in check.fix


def test_data_folder_with_space_is_in_order(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 * 2**30))
    check = look_general("data folder", case)
    assert (check.state, check.message.endswith("5.0 GB free")) == (OK, True)


def test_data_folder_on_a_full_disk_fails(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100 * 2**20))
    check = look_general("data folder", case)
    assert check.state == FAILED and "100 MB left" in check.message and "DATA_DIR=" in check.fix


def test_data_folder_that_cannot_be_made_fails_and_the_rest_is_looked_at(
    given: Settings, case: Case, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    broken = Settings(_env_file=None, **given.model_dump() | {"data_dir": tmp_path / "file" / "data"})
    with open_case(broken, case.connector) as opened:
        folder, database = look_general("data folder", opened), look_general("database", opened)
        assert opened.services.settings.models_path == broken.models_path
        assert opened.services.settings.redis_address == broken.redis_address
        assert look_general("weights", opened).state == OK
    assert folder.state == FAILED and str(tmp_path / "file") in folder.message
    assert folder.fix.startswith("DATA_DIR=")
    assert database.state == FAILED and "DATABASE_URL" in database.fix


def test_database_that_answers_names_its_kind_and_tables(case: Case) -> None:
    check = look_general("database", case)
    assert check.state == OK and check.message.startswith("sqlite, tables at 0")


def test_database_that_is_away_is_told_and_replaced(given: Settings, case: Case) -> None:
    address = "postgresql://nobody@127.0.0.1:1/none"
    with open_case(
        Settings(_env_file=None, **given.model_dump() | {"database_url": address}), case.connector
    ) as opened:
        check = look_general("database", opened)
        assert opened.services.database.engine.dialect.name == "sqlite"
    assert check.state == FAILED and "does not answer" in check.message and "DATABASE_URL" in check.fix


def test_database_of_a_newer_program_is_told(given: Settings, case: Case) -> None:
    with case.services.database.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with open_case(given, case.connector) as opened:
        check = look_general("database", opened)
    assert check.state == FAILED and "another version" in check.message and "9999" in check.message


def test_case_takes_no_image_from_the_cache(given: Settings, case: Case) -> None:
    with open_case(given, case.connector) as opened:
        assert opened.services.settings.media_cache_mb == 0
        assert opened.services.settings.data_dir == given.data_dir
        assert opened.database_problem is None


def test_redis_that_answers_counts_what_waits(make_case: MakeCase, redis_address: str) -> None:
    check = look_general("redis", make_case(redis_url=redis_address))
    assert check.state == OK and check.message.startswith("external, ")


def test_redis_that_is_away_fails_with_the_command_that_starts_it(case: Case) -> None:
    check = look_general("redis", case)
    assert check.state == FAILED and "make run" in check.fix


@pytest.mark.parametrize("queue", QUEUES)
def test_worker_of_each_queue_is_counted(
    make_case: MakeCase, redis_address: str, worker: None, queue: str
) -> None:
    check = look_general(f"worker for {queue}", make_case(redis_url=redis_address))
    assert (check.state, check.message) == (OK, "1 worker alive")


@pytest.mark.parametrize("queue", QUEUES)
def test_queue_without_a_worker_fails(make_case: MakeCase, redis_address: str, queue: str) -> None:
    check = look_general(f"worker for {queue}", make_case(redis_url=redis_address))
    assert (check.state, check.fix) == (FAILED, "make run")
    assert f'"{queue}"' in check.message


def test_weights_name_task_and_classes(case: Case) -> None:
    check = look_general("weights", case)
    assert check.state == OK and check.message.startswith("tiny-")
    assert "detect, classes: car, person, traffic light" in check.message


def test_weights_that_turned_bad_fail_although_the_model_in_service_stays(
    make_case: MakeCase, tiny_weights: Path, tmp_path: Path
) -> None:
    mine = Path(shutil.copy(tiny_weights, tmp_path / "mine.pt"))
    case = make_case(yolo_weights=str(mine))
    case.services.pipeline.warm_up()
    mine.write_bytes(b"half a file")
    check = look_general("weights", case)
    assert case.services.pipeline.default_checkpoint().version.startswith("mine-")
    assert check.state == FAILED and "mine.pt" in check.message and "YOLO_WEIGHTS=" in check.fix


def test_weights_that_are_missing_fail(make_case: MakeCase) -> None:
    check = look_general("weights", make_case(yolo_weights="other.pt"))
    assert check.state == FAILED and "other.pt does not exist" in check.message


def test_known_weights_that_are_missing_are_fetched_by_the_server(make_case: MakeCase) -> None:
    check = look_general("weights", make_case(yolo_weights="yolo11n.pt"))
    assert (check.state, check.fix) == (FAILED, "make run")


def test_device_is_named(case: Case) -> None:
    check = look_general("device", case)
    assert check.state == OK and check.message.startswith("cpu, ")


def test_device_that_is_not_there_fails(make_case: MakeCase) -> None:
    check = look_general("device", make_case(device="cuda:99"))
    assert (check.state, check.fix) == (FAILED, "DEVICE=auto")
    assert 'DEVICE is "cuda:99"' in check.message
