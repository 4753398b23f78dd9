"""Which tasks a model version has learnt from: the training side of its snapshot, and of its ancestors'."""

import json
from collections.abc import Collection, Sequence

from sqlalchemy import select

from backend.errors import ArtifactError
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.training_tables import SqlTrainedVersion
from backend.training.entities import Side
from backend.training.names import manifest_artifact

# Between the versions of several models that fill the tags of one project.
_JOINED = "+"


class LearntTasks:
    """What the versions of a project have learnt from; a manifest is read when it is first needed.

    Args:
        database: Knows the versions and their parents.
        artifacts: Holds the manifests.
        project_id: Of the versions.
        among: Tasks that are asked for; of others nothing is kept, however many there are.
    """

    def __init__(
        self, database: Database, artifacts: ArtifactStore, project_id: int, *, among: Collection[int]
    ) -> None:
        query = select(SqlTrainedVersion.version, SqlTrainedVersion.parent, SqlTrainedVersion.snapshot)
        with database.read() as session:
            rows = session.execute(query.where(SqlTrainedVersion.project_id == project_id)).all()
        self._trained = {version: (parent, snapshot) for version, parent, snapshot in rows}
        self._artifacts = artifacts
        self._among = frozenset(among)
        self._snapshots: dict[str, frozenset[int] | None] = {}
        self._versions: dict[str, frozenset[int] | None] = {}

    def of(self, version: str) -> frozenset[int] | None:
        """Return the tasks that the version has learnt from; None where that cannot be known any more.

        A version that no run made, such as the weights of the settings, has learnt from none.
        """
        if version not in self._versions:
            parts = [version] if version in self._trained else version.split(_JOINED)
            self._versions[version] = _joined([self._of_snapshot(each) for each in self._lineage(parts)])
        return self._versions[version]

    def _lineage(self, versions: Sequence[str]) -> list[str]:
        """Return the snapshots of the versions and of all that they descend from."""
        snapshots: dict[str, None] = {}
        todo, seen = list(versions), set(versions)
        while todo:
            parent, snapshot = self._trained.get(todo.pop(), (None, None))
            if snapshot is not None:
                snapshots[snapshot] = None
            if parent is not None and parent not in seen:
                seen.add(parent)
                todo.append(parent)
        return list(snapshots)

    def _of_snapshot(self, digest: str) -> frozenset[int] | None:
        if digest not in self._snapshots:
            try:
                manifest = self._artifacts.read(manifest_artifact(digest))
                self._snapshots[digest] = tasks_by_side(manifest)[Side.TRAIN] & self._among
            except (ArtifactError, ValueError):  # gone, out of reach or damaged: nothing can be ruled out
                self._snapshots[digest] = None
        return self._snapshots[digest]


def tasks_by_side(manifest: bytes) -> dict[Side, frozenset[int]]:
    """Return the tasks whose images a snapshot has on each side, by its manifest.

    Raises:
        ValueError: this is no manifest.
    """
    sides: dict[Side, set[int]] = {side: set() for side in Side}
    try:
        for example in json.loads(manifest)["examples"]:
            sides[Side(example["side"])].update(int(task) for task in example["tasks"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"This is no manifest of a snapshot: {error!r}.") from None
    return {side: frozenset(tasks) for side, tasks in sides.items()}


def _joined(parts: Sequence[frozenset[int] | None]) -> frozenset[int] | None:
    """Return all tasks of the parts; None where one is not known."""
    known = [part for part in parts if part is not None]
    return frozenset[int]().union(*known) if len(known) == len(parts) else None
