"""What our server missed is found by a sync: the ledger is then that of an undisturbed project."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from label_studio_sdk.client import LabelStudio
from sqlalchemy import select

from backend.store.database import Database
from backend.store.event_queue import pending_ids
from backend.store.ledger_tables import SqlAnnotation, SqlCorrection, SqlReview, SqlTally
from demo.scenes import CLASSES

from .conftest import PrelabelledFactory
from .processes import wait_for
from .projects import Project, call
from .servers import Stack

PROCESSED_SECONDS = 60.0
EARLY = 5
LOST = 50
EXTRA = "Extra1"  # the id of a region that no model drew


class Annotator:
    """Does in one project what it does in every other: the same edits of the same pictures, in order."""

    def __init__(self, sdk: LabelStudio, project: Project) -> None:
        self._sdk = sdk
        self._tasks = [project.tasks[name] for name in sorted(project.tasks)]
        self._predictions = [self._prediction(task_id) for task_id in self._tasks]
        self.submitted: list[int] = []

    def submit(self, count: int) -> None:
        """Submit so many more annotations, one picture after the other, edited in turns of five ways."""
        for number in range(len(self.submitted), len(self.submitted) + count):
            place = number % len(self._tasks)
            prediction = self._predictions[place]
            edit = (_as_it_is, _without_the_first, _moved, _relabelled, _with_one_more)[number % 5]
            body = {
                "result": edit(prediction["result"]),
                "parent_prediction": prediction["id"],
                "lead_time": float(number),
                "was_cancelled": number % 11 == 10,
            }
            made = call(self._sdk, "POST", f"api/tasks/{self._tasks[place]}/annotations/", json=body)
            self.submitted.append(made["id"])

    def update(self, number: int) -> None:
        body = {"result": _moved(self._predictions[number % len(self._tasks)]["result"])}
        call(self._sdk, "PATCH", f"api/annotations/{self.submitted[number]}/", json=body)

    def delete(self, number: int) -> None:
        self._sdk.annotations.delete(self.submitted[number])

    def delete_task(self, place: int) -> None:
        self._sdk.tasks.delete(str(self._tasks[place]))

    def _prediction(self, task_id: int) -> Mapping[str, Any]:
        (found,) = call(self._sdk, "GET", "api/predictions/", params={"task": task_id})
        assert isinstance(found, dict)
        return found


def _as_it_is(regions: Sequence[Any]) -> list[Any]:
    return list(regions)


def _without_the_first(regions: Sequence[Any]) -> list[Any]:
    return list(regions[1:])


def _moved(regions: Sequence[Any]) -> list[Any]:
    return [r | {"value": r["value"] | {"width": 0.7 * r["value"]["width"]}} for r in regions]


def _relabelled(regions: Sequence[Any]) -> list[Any]:
    return [
        r | {"value": r["value"] | {"rectanglelabels": [_other(r["value"]["rectanglelabels"][0])]}}
        for r in regions
    ]


def _with_one_more(regions: Sequence[Any]) -> list[Any]:
    value = {"x": 1, "y": 1, "width": 4, "height": 4, "rotation": 0, "rectanglelabels": [CLASSES[0]]}
    size = {"original_width": 640, "original_height": 480, "image_rotation": 0}
    extra = {"id": EXTRA, "from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value}
    return [*regions, extra | size]


def _other(label: str) -> str:
    return str(CLASSES[(list(CLASSES).index(label) + 1) % len(CLASSES)])


def ledger(database: Database, project: Project, annotator: Annotator) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the ledger holds of the project, with places for ids, and without times."""
    pictures = {task_id: name for name, task_id in project.tasks.items()}
    numbers = {annotation_id: number for number, annotation_id in enumerate(annotator.submitted)}

    def rows(table: type[Any], names: str, *, is_deletable: bool = False) -> list[tuple[Any, ...]]:
        query = select(table).where(table.project_id == project.id)
        query = query.where(table.deleted_at.is_(None)) if is_deletable else query
        found = []
        for row in session.scalars(query):
            values = [getattr(row, name) for name in names.split()]
            annotation = getattr(row, "annotation_id", None) if table is not SqlAnnotation else row.id
            found.append((pictures[row.task_id], numbers.get(annotation), *values))
        return sorted(found, key=repr)

    with database.read() as session:
        return {
            "annotations": rows(
                SqlAnnotation, "lead_time is_cancelled is_ground_truth shown_by problems", is_deletable=True
            ),
            "corrections": rows(
                SqlCorrection, "kind label shown_label annotated_label iou matched_by compared_as version"
            ),
            "tallies": rows(
                SqlTally, "label kept adjusted deleted added relabelled_from relabelled_to is_blind version"
            ),
            "reviews": rows(
                SqlReview,
                "state annotations version predicted kept adjusted relabelled deleted added",
                is_deletable=True,
            ),
        }


@pytest.fixture
def wait_until_processed(database: Database) -> Callable[[Project], None]:
    """Wait until no event of a project waits."""

    def wait(project: Project) -> None:
        wait_for(
            lambda: not pending_ids(database, project.id, limit=1),
            seconds=PROCESSED_SECONDS,
            what="events processed",
        )

    return wait


def test_sync_makes_up_for_an_outage(
    sdk: LabelStudio,
    stack: Stack,
    database: Database,
    new_prelabelled: PrelabelledFactory,
    wait_until_processed: Callable[[Project], None],
) -> None:
    undisturbed = new_prelabelled("Undisturbed").project
    disturbed = new_prelabelled("Disturbed").project
    annotators = {project.id: Annotator(sdk, project) for project in (undisturbed, disturbed)}

    def lose(project: Project) -> None:
        annotator = annotators[project.id]
        annotator.submit(LOST)
        annotator.update(0)
        annotator.delete(1)
        annotator.delete_task(11)

    for project in (undisturbed, disturbed):
        annotators[project.id].submit(EARLY)
        wait_until_processed(project)
    lose(undisturbed)
    wait_until_processed(undisturbed)
    stack.web.end()
    try:
        lose(disturbed)
    finally:
        stack.start_web()

    expected = ledger(database, undisturbed, annotators[undisturbed.id])
    assert len(expected["annotations"]) == EARLY + LOST - 1 - 4 and len(expected["reviews"]) == 11
    kinds = {row[2] for row in expected["corrections"]}
    assert kinds == {"kept", "adjusted", "relabelled", "deleted", "added"}
    assert ledger(database, disturbed, annotators[disturbed.id]) != expected

    synced = stack.run("sync", "--project", str(disturbed.id), "--full")
    assert synced.returncode == 0, synced.stderr
    assert f"{LOST - 4} missing, 1 changed, 1 deleted" in synced.stdout and "Note" not in synced.stdout
    assert f"{EARLY - 1} seen by webhook, {LOST - 4} found by sync" in synced.stdout
    assert ledger(database, disturbed, annotators[disturbed.id]) == expected

    for options in (["--full"], []):
        again = stack.run("sync", "--project", str(undisturbed.id), *options)
        assert "0 missing, 0 changed, 0 deleted" in again.stdout and "Note" not in again.stdout
    assert ledger(database, undisturbed, annotators[undisturbed.id]) == expected


def test_sync_finds_what_label_studio_does_not_tell(
    sdk: LabelStudio,
    stack: Stack,
    database: Database,
    new_prelabelled: PrelabelledFactory,
    wait_until_processed: Callable[[Project], None],
) -> None:
    project = new_prelabelled("Untold").project
    annotator = Annotator(sdk, project)
    annotator.submit(11)  # the last one is a skip
    wait_until_processed(project)
    number = str(project.id)
    assert stack.run("sync", "--project", number).returncode == 0

    call(sdk, "POST", f"api/annotations/{annotator.submitted[10]}/convert-to-draft")
    first = stack.run("sync", "--project", number)
    assert "(that changed)" in first.stdout and "0 missing, 0 changed, 1 deleted" in first.stdout

    sdk.projects.delete(project.id)
    gone = stack.run("sync", "--project", number)
    assert gone.returncode == 1 and "marked as deleted" in gone.stderr
    assert not any(ledger(database, project, annotator).values())
