"""What serves each project: from memory, followed, and never worse than what served before."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from backend.entities import Detection, Image
from backend.errors import DatabaseUnavailable, ModelError
from backend.inference.checkpoint import Checkpoint
from backend.inference.manager import ModelManager
from backend.registry.champions import Champions
from backend.registry.move import move_champion
from backend.registry.weights import fetch_weights_of
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database, open_database
from backend.store.versions import alias_moves
from backend.training.entities import TrainedVersion
from tests.backend.engines import FixedEngine
from tests.backend.registry.makers import CONTROLS, NOW, PROJECT

MakeVersions = Callable[..., list[TrainedVersion]]


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{tmp_path / 'one.sqlite3'}", timeout=5.0)) as opened:
        yield opened


@pytest.fixture
def loaded() -> list[str]:
    """Versions in the order in which they saw their first image."""
    return []


@pytest.fixture
def broken() -> set[str]:
    """Versions that cannot be loaded."""
    return set()


@pytest.fixture
def manager(loaded: list[str], broken: set[str]) -> Iterator[ModelManager]:
    class Engine(FixedEngine):
        def __init__(self, checkpoint: Checkpoint) -> None:
            super().__init__()
            if checkpoint.version in broken:
                raise ModelError("no memory")
            self.version = checkpoint.version

        def detect(self, images: Sequence[Image], *, threshold: float) -> list[list[Detection]]:
            loaded.append(self.version)
            return super().detect(images, threshold=threshold)

    with closing(ModelManager(Engine, max_batch=1, max_bytes=2**30)) as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def champions(
    database: Database, artifacts: ArtifactStore, manager: ModelManager, clock: Clock
) -> Iterator[Champions]:
    with closing(Champions(database, artifacts, manager, clock=clock)) as made:
        yield made


def promote(database: Database, version: TrainedVersion | None, project_id: int = PROJECT) -> None:
    name = version.version if version else None
    with database.write() as session:
        assert move_champion(session, project_id, name, reason="", prelabel=False, now=NOW)


def spoil(artifacts: ArtifactStore, version: TrainedVersion) -> bytes:
    """Damage the version's weights; return what they were."""
    assert version.artifact is not None
    whole = artifacts.read(version.artifact)
    artifacts.put_bytes(whole[:1000], version.artifact)
    return whole


def served(champions: Champions, project_id: int | None = PROJECT) -> str | None:
    champion = champions.of(project_id)
    return champion.checkpoint.version if champion else None


def test_project_without_a_champion_is_served_by_the_settings(champions: Champions) -> None:
    assert champions.of(PROJECT) is None and champions.of(None) is None


def test_first_question_finds_the_champion_and_loads_nothing(
    database: Database, champions: Champions, make_versions: MakeVersions, loaded: list[str]
) -> None:
    [first] = make_versions(1)
    promote(database, first)
    champion = champions.of(PROJECT)
    assert champion is not None and champion.checkpoint.version == first.version
    assert champion.controls == CONTROLS and loaded == []
    assert champions.of(8) is None


def test_later_questions_ask_nobody(
    database: Database, champions: Champions, make_versions: MakeVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(database, make_versions(1)[0])
    before = served(champions)

    def refuse(*_: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr("backend.registry.champions.alias_moves", refuse)
    assert served(champions) == before


def test_promoted_version_serves_once_it_is_loaded_and_warm(
    database: Database, champions: Champions, make_versions: MakeVersions, loaded: list[str]
) -> None:
    first, second = make_versions(2)
    promote(database, first)
    assert served(champions) == first.version
    promote(database, second)
    assert served(champions) == first.version
    champions.follow()
    assert served(champions) == second.version and loaded == [second.version]
    champions.follow()
    assert loaded == [second.version]


def test_moved_there_and_back_between_two_looks_serves_what_it_did(
    database: Database, champions: Champions, make_versions: MakeVersions
) -> None:
    first, second = make_versions(2)
    promote(database, first)
    served(champions)
    promote(database, second)
    promote(database, first)
    champions.follow()
    assert served(champions) == first.version


def test_return_to_the_settings_is_followed(
    database: Database, champions: Champions, make_versions: MakeVersions
) -> None:
    promote(database, make_versions(1)[0])
    served(champions)
    promote(database, None)
    champions.follow()
    assert served(champions) is None


def test_projects_that_nobody_asked_for_are_not_loaded(
    database: Database, champions: Champions, make_versions: MakeVersions, loaded: list[str]
) -> None:
    served(champions)
    promote(database, make_versions(1, project_id=8)[0], project_id=8)
    champions.follow()
    assert loaded == []


@pytest.mark.parametrize("harm", ["damaged", "not loaded"])
def test_version_that_cannot_serve_leaves_the_old_one_and_is_tried_again(
    database: Database,
    artifacts: ArtifactStore,
    champions: Champions,
    clock: Clock,
    make_versions: MakeVersions,
    broken: set[str],
    read_log: Callable[[], str],
    harm: str,
) -> None:
    first, second = make_versions(2)
    promote(database, first)
    served(champions)
    promote(database, second)
    whole = spoil(artifacts, second) if harm == "damaged" else b""
    broken.add(second.version)
    for clock.now in (0.0, 1.0, 3.0):  # pauses of 1, 2 and 4 seconds
        champions.follow()
    assert served(champions) == first.version
    assert read_log().count("champion_unusable") == 1 and second.version in read_log()
    broken.clear()
    if whole:
        assert second.artifact is not None
        artifacts.put_bytes(whole, second.artifact)
    clock.now = 6.9
    champions.follow()
    assert served(champions) == first.version
    clock.now = 7.0
    champions.follow()
    assert served(champions) == second.version


def test_next_promotion_does_not_wait_for_the_pause_of_the_one_that_failed(
    database: Database, artifacts: ArtifactStore, champions: Champions, make_versions: MakeVersions
) -> None:
    first, second, third = make_versions(3)
    promote(database, first)
    served(champions)
    promote(database, second)
    spoil(artifacts, second)
    champions.follow()
    promote(database, third)
    champions.follow()
    assert served(champions) == third.version


def test_first_question_for_weights_that_cannot_be_had_gets_the_champion_before(
    database: Database,
    artifacts: ArtifactStore,
    champions: Champions,
    clock: Clock,
    make_versions: MakeVersions,
    read_log: Callable[[], str],
) -> None:
    first, second, third = make_versions(3)
    for each in (first, second, third):
        promote(database, each)
    spoil(artifacts, second)
    whole = spoil(artifacts, third)
    assert served(champions) == first.version
    assert "champion_unusable" in read_log()
    assert third.artifact is not None
    artifacts.put_bytes(whole, third.artifact)
    clock.now = 1.0
    champions.follow()
    assert served(champions) == third.version


def test_first_question_where_no_champion_can_be_had_gets_the_settings(
    database: Database, artifacts: ArtifactStore, champions: Champions, make_versions: MakeVersions
) -> None:
    [first] = make_versions(1)
    promote(database, first)
    spoil(artifacts, first)
    assert champions.of(PROJECT) is None


def test_database_that_is_away_is_an_error_at_first_and_later_harms_nobody(
    database: Database, champions: Champions, make_versions: MakeVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first] = make_versions(1)
    promote(database, first)

    def refuse(*_: object) -> None:
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr("backend.registry.champions.alias_moves", refuse)
        with pytest.raises(DatabaseUnavailable):
            champions.of(PROJECT)
    assert served(champions) == first.version
    monkeypatch.setattr("backend.registry.champions.alias_moves", refuse)
    with pytest.raises(DatabaseUnavailable):
        champions.follow()
    assert served(champions) == first.version


def test_many_first_questions_at_once_fetch_the_weights_once(
    database: Database,
    champions: Champions,
    make_versions: MakeVersions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [first] = make_versions(1)
    promote(database, first)
    fetched = []
    barrier = threading.Barrier(4)

    def fetch(*arguments: object) -> Checkpoint:
        fetched.append(1)
        return fetch_weights_of(*arguments)  # type: ignore[arg-type]

    def ask() -> None:
        barrier.wait(10)
        served(champions)

    monkeypatch.setattr("backend.registry.champions.fetch_weights_of", fetch)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == [1]


def test_champions_that_are_warmed_up_answer_at_once(
    database: Database,
    champions: Champions,
    manager: ModelManager,
    make_versions: MakeVersions,
    loaded: list[str],
) -> None:
    [first] = make_versions(1)
    promote(database, first)
    champions.warm_up([8, PROJECT])
    champion = champions.of(PROJECT)
    assert champion is not None and manager.is_loaded(champion.checkpoint) and loaded == [first.version]
    champions.warm_up([PROJECT])
    assert loaded == [first.version]


def test_no_more_are_warmed_up_than_memory_holds(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    [first] = make_versions(1)
    promote(database, first)
    with (
        closing(ModelManager(FixedEngine, max_batch=1, max_bytes=1)) as manager,
        closing(Champions(database, artifacts, manager)) as champions,
    ):
        champions.warm_up([PROJECT])
        champion = champions.of(PROJECT)
        assert champion is not None and not manager.is_loaded(champion.checkpoint)


def test_champion_that_cannot_be_loaded_at_the_start_leaves_the_one_before_in_service(
    database: Database,
    champions: Champions,
    clock: Clock,
    make_versions: MakeVersions,
    broken: set[str],
    read_log: Callable[[], str],
) -> None:
    first, second, third = make_versions(3)
    for each in (first, second, third):
        promote(database, each)
    broken |= {second.version, third.version}
    champions.warm_up([PROJECT])
    assert served(champions) == first.version
    assert "champion_unusable" in read_log() and "earlier_version_unusable" in read_log()
    broken.clear()
    champions.follow()
    assert served(champions) == first.version
    clock.now = 1.0
    champions.follow()
    assert served(champions) == third.version


def test_watcher_follows_by_itself_and_outlives_a_failure(
    database: Database,
    artifacts: ArtifactStore,
    manager: ModelManager,
    make_versions: MakeVersions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = make_versions(2)
    promote(database, first)
    looks = [0]
    followed = threading.Event()

    def look(database: Database) -> dict[int, tuple[str | None, int]]:
        looks[0] += 1
        if looks[0] == 2:
            raise RuntimeError("unforeseen")
        if looks[0] > 3:
            followed.set()
        return alias_moves(database)

    monkeypatch.setattr("backend.registry.champions.alias_moves", look)
    with closing(Champions(database, artifacts, manager)) as champions:
        assert served(champions) == first.version
        promote(database, second)
        champions.start_watching(interval=0.001)
        assert followed.wait(10)  # a look after the one that followed it
        assert served(champions) == second.version
    assert not [thread for thread in threading.enumerate() if thread.name == "champions"]
