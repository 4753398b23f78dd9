"""Which trained version serves each project in this process, and how a new one takes over.

A request asks once and goes on with what it got, so its answer is wholly of one version. The alias in the
database says what should serve; what does serve is changed only when the new weights are loaded and warm.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

import numpy as np
import structlog

from backend.errors import AppError, DatabaseUnavailable
from backend.inference.checkpoint import Checkpoint, ServedChampion
from backend.inference.manager import ModelManager
from backend.registry.entities import SETTINGS_WEIGHTS
from backend.registry.move import served_before
from backend.registry.weights import fetch_weights_of
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.versions import alias_moves, get_trained

log = structlog.get_logger(__name__)

_NEVER_MOVED = (None, 0)
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
# (height, width, channels) of the image that warms a model up: a common shape.
_WARM_UP_SHAPE = (480, 640, 3)


@dataclass(frozen=True, slots=True)
class _Served:
    """What serves one project. `alias` is what the database said when it was chosen.

    Where that could not be had, `failed` is what is to be tried again from `retry_at` (of the clock) on,
    after `pause` seconds.
    """

    champion: ServedChampion | None
    alias: tuple[str | None, int]
    failed: tuple[str | None, int] | None = None
    pause: float = 0.0
    retry_at: float = 0.0


class Champions:
    """Champions by project, from memory; safe for any number of threads.

    Args:
        database: Holds the aliases.
        artifacts: Holds the weights.
        manager: Loads them.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        database: Database,
        artifacts: ArtifactStore,
        manager: ModelManager,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._manager = manager
        self._clock = clock
        self._served: dict[int, _Served] = {}
        self._gates: dict[int, threading.Lock] = {}
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        self._is_blind = False

    def of(self, project_id: int | None) -> ServedChampion | None:
        """Return what serves the project; None where the weights of the settings do.

        A project that this process was never asked for is looked up in the database. Where its champion's
        weights cannot be had, that is the newest of the champions before it whose weights can be.

        Raises:
            DatabaseUnavailable: it cannot be looked up.
        """
        if project_id is None:
            return None
        if project_id not in self._served:
            # The first to ask fetches the weights, others of the project wait for it.
            with self._gates.setdefault(project_id, threading.Lock()):
                if project_id not in self._served:
                    self._served[project_id] = self._look_up(project_id)
        return self._served[project_id].champion

    def warm_up(self, project_ids: Iterable[int]) -> None:
        """Load what serves these projects before anybody asks, as long as memory for models is left.

        Where a champion cannot be loaded, the newest of the champions before it that can be serves, until the
        watcher has loaded it after all.

        Raises:
            DatabaseUnavailable: champions cannot be looked up.
        """
        for project_id in project_ids:
            champion = self.of(project_id)
            if champion is None or self._manager.is_loaded(champion.checkpoint):
                continue
            if not self._manager.has_room(champion.checkpoint):
                return
            served = self._served[project_id]
            try:
                self._warm_up(champion.checkpoint)
            # What a model may fail with at its first image is anything.
            except Exception as error:
                alias = served.failed or served.alias
                kept = self._earlier(project_id, self._warm_up)
                _say_unusable(project_id, champion.checkpoint.version, error, kept)
                if self._served[project_id] is served:
                    self._served[project_id] = self._makeshift(kept, alias)

    def start_watching(self, interval: float = 1.0) -> None:
        """Follow promotions from a thread of its own, looking every `interval` seconds."""

        def watch() -> None:
            while not self._stop.wait(interval):
                self._follow_safely()

        self._watcher = threading.Thread(target=watch, name="champions", daemon=True)
        self._watcher.start()

    def follow(self) -> None:
        """Look once at what was promoted, and bring it into service.

        Raises:
            DatabaseUnavailable: nothing can be seen; what serves goes on.
        """
        if not self._served:
            return
        moves = alias_moves(self._database)
        for project_id, served in list(self._served.items()):
            alias = moves.get(project_id, _NEVER_MOVED)
            if alias != served.alias and not (alias == served.failed and self._clock() < served.retry_at):
                self._replace(project_id, served, alias)

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join()

    def _follow_safely(self) -> None:
        try:
            self.follow()
            self._is_blind = False
        # The boundary of the thread: whatever it is, the next look may see more.
        except Exception as error:
            if not self._is_blind:
                unforeseen = not isinstance(error, AppError)
                log.error("promotions_not_seen", detail=str(error), exc_info=unforeseen)
            self._is_blind = True

    def _replace(self, project_id: int, served: _Served, alias: tuple[str | None, int]) -> None:
        """Bring another version into service beside the old one, then swap; or leave the old one there."""
        try:
            champion = self._fetch(alias[0])
            if champion is not None:
                self._warm_up(champion.checkpoint)
        except DatabaseUnavailable:
            raise
        # What a model may fail with at its first image is anything.
        except Exception as error:
            is_news = alias != served.failed
            pause = _FIRST_PAUSE if is_news else min(2 * served.pause, _LONGEST_PAUSE)
            self._served[project_id] = _Served(
                served.champion, served.alias, alias, pause, self._clock() + pause
            )
            if is_news:
                _say_unusable(project_id, alias[0], error, served.champion)
            return
        self._served[project_id] = _Served(champion, alias)
        log.info("champion_in_service", project=project_id, version=_name(champion))

    def _look_up(self, project_id: int) -> _Served:
        alias = alias_moves(self._database).get(project_id, _NEVER_MOVED)
        try:
            return _Served(self._fetch(alias[0]), alias)
        except DatabaseUnavailable:
            raise
        except AppError as error:
            champion = self._earlier(project_id)
            _say_unusable(project_id, alias[0], error, champion)
            return self._makeshift(champion, alias)

    def _makeshift(self, champion: ServedChampion | None, alias: tuple[str | None, int]) -> _Served:
        """Return that this serves until what the alias says can be had."""
        # No alias was ever moved a negative number of times: the watcher takes this one for outdated.
        return _Served(champion, (None, -1), alias, _FIRST_PAUSE, self._clock() + _FIRST_PAUSE)

    def _earlier(
        self, project_id: int, prepare: Callable[[Checkpoint], None] = lambda _: None
    ) -> ServedChampion | None:
        """Return the newest of the champions before this one that can be fetched and prepared."""
        with self._database.read() as session:
            earlier = served_before(session, project_id)
        for version in earlier:
            try:
                champion = self._fetch(version)
                if champion is not None:
                    prepare(champion.checkpoint)
                return champion
            except DatabaseUnavailable:
                raise
            # As at the first image of a model.
            except Exception as error:
                log.error("earlier_version_unusable", project=project_id, version=version, detail=str(error))
        return None

    def _fetch(self, version: str | None) -> ServedChampion | None:
        if version is None:
            return None
        trained = get_trained(self._database, version)
        return ServedChampion(fetch_weights_of(self._database, self._artifacts, trained), trained.controls)

    def _warm_up(self, checkpoint: Checkpoint) -> None:
        """Load a model and let it see an image: the first one costs more than those after it."""
        self._manager.load(checkpoint)
        image = np.zeros(_WARM_UP_SHAPE, np.uint8)
        self._manager.submit(checkpoint, image, threshold=1.0).result()


def _say_unusable(
    project_id: int, version: str | None, error: Exception, kept: ServedChampion | None
) -> None:
    unforeseen = not isinstance(error, AppError)
    log.error(
        "champion_unusable",
        project=project_id,
        version=version,
        detail=str(error),
        kept=_name(kept),
        exc_info=error if unforeseen else None,
    )


def _name(champion: ServedChampion | None) -> str:
    return champion.checkpoint.version if champion else SETTINGS_WEIGHTS
