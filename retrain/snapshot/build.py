"""Take a snapshot of a project: all trusted labels with their images, as they are now.

Twice the same ledger gives twice the same snapshot. Whatever is killed on the way leaves images behind that
the next attempt need not store again, and sides that stay as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from backend.entities import ControlTag
from backend.labelstudio.label_config import image_address, parse_label_config
from backend.labelstudio.task_image import MAX_CHARS
from backend.store.snapshots import add_snapshot
from backend.store.splits import settle_sides
from backend.training.entities import Side, Snapshot, TrainingTarget
from retrain.context import RunContext, now
from retrain.dataset.labels import label_lines
from retrain.snapshot.counts import snapshot_counts
from retrain.snapshot.errors import SnapshotError
from retrain.snapshot.examples import Bundle, LabelledImage, StoredImage, bundle, examples_of
from retrain.snapshot.images import ImageStore
from retrain.snapshot.manifest import sealed, store_manifest
from retrain.snapshot.selection import TrustedTask, count_trusted, trusted_pages
from retrain.snapshot.source import Source, synced_source
from retrain.snapshot.splits import group_key, split_images
from retrain.snapshot.target import training_target
from retrain.snapshot.warnings import Findings, warnings_of

log = structlog.get_logger(__name__)

_GROUP_CHARS = 200


def build_snapshot(context: RunContext) -> Snapshot:
    """Return a snapshot of the run's project, kept with its images.

    Raises:
        SnapshotError: there are too few examples, or too many images cannot be had now.
        LabelConfigError: the labeling config holds nothing that can be trained.
        LabelStudioError: Label Studio is out of reach.
        ArtifactError: an image or the manifest cannot be stored.
        RunCancelled, RunInterrupted, LeaseLost: the run should not go on.
    """
    source = synced_source(context)
    controls = parse_label_config(source.label_config())
    collector = _Collector(context, source, controls, training_target(controls))
    collector.collect()
    bundles = bundle(collector.labelled)
    _refuse_few(context, sum(_is_example(one, collector.target) for one in bundles))
    examples = examples_of(bundles, _sides(context, bundles))
    snapshot = sealed(
        Snapshot(
            digest="",
            project_id=context.run.project_id,
            target=collector.target,
            examples=examples,
            warnings=warnings_of(collector.target, examples, collector.findings()),
            created_at=now(),
        )
    )
    context.check()
    snapshot = store_manifest(context.services.artifacts, snapshot)
    counts = snapshot_counts(snapshot.target, snapshot.examples)
    add_snapshot(context.services.database, snapshot, counts=counts)
    log.info("snapshot_taken", project=snapshot.project_id, snapshot=snapshot.digest, images=counts["images"])
    return snapshot


class _Collector:
    """Goes through the trusted tasks, and gathers what can be trained on and what is wrong with the rest."""

    def __init__(
        self, context: RunContext, source: Source, controls: Sequence[ControlTag], target: TrainingTarget
    ) -> None:
        self._context = context
        self._source = source
        self._controls = controls
        self.target = target
        self.labelled: list[LabelledImage] = []
        services = context.services
        self._images = ImageStore(services.media, services.artifacts, threads=services.settings.media_threads)
        self._unfetched: dict[int, str] = {}
        self._unread: dict[int, str] = {}
        self._shared: list[TrustedTask] = []

    def collect(self) -> None:
        """Read all tasks.

        Raises:
            SnapshotError: there are too few tasks, or more than half of their images cannot be had.
        """
        context, database = self._context, self._context.services.database
        total = count_trusted(database, context.run.project_id)
        _refuse_few(context, total)
        for page in trusted_pages(
            database,
            context.run.project_id,
            controls=self.target.controls,
            takes_consensus=context.settings.labels_from == "consensus",
        ):
            context.check()
            self._take(page)
            if 2 * len(self._unfetched) > total:
                raise self._too_many_unfetched(total)

    def findings(self) -> Findings:
        """Return what was found on the way."""
        people = [task.people for task in self._shared if task.people is not None]
        return Findings(
            unfetched=self._unfetched,
            unread=self._unread,
            shared=len(people),
            things=sum(one.things for one in people),
            disputed=sum(one.disputed for one in people),
        )

    def _take(self, page: Sequence[TrustedTask]) -> None:
        data = self._source.task_data([task.id for task in page])
        # A task that is gone by now is none.
        tasks = {task.id: task for task in page if data is None or task.id in data}
        addresses = {i: self._address(task, data) for i, task in tasks.items()}
        for task_id, image in self._images.keep_all(addresses, check=self._context.check):
            task = tasks[task_id]
            if isinstance(image, str):
                self._unfetched[task_id] = image
                continue
            self._label(task, image, self._group(data[task_id] if data else {}))

    def _label(self, task: TrustedTask, image: StoredImage, group: str | None) -> None:
        found = label_lines(task.regions, self.target, image.size)
        if problems := (*task.problems, *found.problems):
            self._unread[task.id] = problems[0]
        if task.people is not None:
            self._shared.append(task)
        self.labelled.append(
            LabelledImage(
                task=task.id,
                image=image,
                labels=found.lines,
                mark=task.mark,
                rank=task.rank,
                is_held=task.is_held,
                group=group,
            )
        )

    def _address(self, task: TrustedTask, data: Mapping[int, Mapping[str, Any]] | None) -> object:
        mine = next(c for c in self._controls if c.image_value == self.target.image_value)
        if data is not None:
            return image_address(mine, data[task.id])
        # The ledger has one address of a task, and none of more characters.
        is_only = all(control.image_value == mine.image_value for control in self._controls)
        return task.image if is_only and len(task.image or "") < MAX_CHARS else None

    def _group(self, data: Mapping[str, Any]) -> str | None:
        """Return the value of SPLIT_GROUP's field in the task's data; None where it holds none."""
        name = self._context.settings.split_group
        value = data.get(name) if name else None
        return None if value is None or value == "" else str(value)[:_GROUP_CHARS]

    def _too_many_unfetched(self, total: int) -> SnapshotError:
        task_id, reason = next(iter(self._unfetched.items()))
        return SnapshotError(
            f"{len(self._unfetched)} images of {total} labelled tasks cannot be had; expected half of them "
            f"at least. Task {task_id}: {reason} See what else is wrong with: python -m backend doctor",
            unfetched=len(self._unfetched),
        )


def _sides(context: RunContext, bundles: Sequence[Bundle]) -> dict[str, Side]:
    images = [one.split_image() for one in bundles]
    keys = {image.image for image in images} | {group_key(i.group) for i in images if i.group is not None}
    return settle_sides(
        context.services.database,
        context.run.project_id,
        keys,
        choose=lambda known: split_images(images, known),
    )


def _is_example(one: Bundle, target: TrainingTarget) -> bool:
    """Tell whether a model can learn from it: a classifier learns nothing from an image without a class."""
    return bool(one.tasks[0].labels) or target.task != "classify"


def _refuse_few(context: RunContext, count: int) -> None:
    needed = context.settings.retrain_min_examples
    if count < needed:
        raise SnapshotError(
            f"There are {count} labelled images that can be trained on; at least {needed} are needed "
            "(RETRAIN_MIN_EXAMPLES). Label more, then start a new run.",
            is_final=True,
        )
