"""Answer a smart tool: from what an annotator drew to the mask that is shown, and what is remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any

from backend.entities import ControlTag, Region, Task
from backend.labelstudio.label_config import image_address, parse_label_config
from backend.labelstudio.smart_request import SmartRequest, read_smart_request
from backend.labelstudio.tasks import parse_task
from backend.metrics import Metrics
from backend.sam.entities import FoundMask, PromptPoint, Prompts
from backend.sam.holder import SamHolder
from backend.sam.interaction import Interaction, next_step
from backend.sam.interactions import Interactions
from backend.sam.output import choose_output, has_smart_tools, mask_region
from backend.sam.prefetch import Prefetcher
from backend.sam.request_frame import on_image
from backend.sam.smart_images import smart_images
from backend.sam.task_embeddings import TaskEmbeddings

# A few kilobytes each; people work on few projects at a time.
_CONFIGS_KEPT = 16


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the annotator is shown; no region where the prompts ask for nothing, or nothing was found."""

    region: Region | None
    control: ControlTag | None
    version: str


class SmartTools:
    """Masks from prompts, for any number of threads.

    Args:
        holder: Of the SAM engine.
        embeddings: Of tasks' images.
        interactions: What was drawn a moment ago.
        prefetcher: Encodes the next images.
        metrics: Counts answers.
        polygon_points: Most points of a polygon.
        min_area: Pixels below which islands are dropped and holes filled.
    """

    def __init__(
        self,
        holder: SamHolder,
        embeddings: TaskEmbeddings,
        interactions: Interactions,
        prefetcher: Prefetcher,
        *,
        metrics: Metrics,
        polygon_points: int,
        min_area: int,
    ) -> None:
        self._holder = holder
        self._embeddings = embeddings
        self._interactions = interactions
        self._prefetcher = prefetcher
        self._metrics = metrics
        self._polygon_points = polygon_points
        self._min_area = min_area
        self._controls = lru_cache(_CONFIGS_KEPT)(lambda xml: tuple(parse_label_config(xml)))

    def suggest(
        self, task: Mapping[str, Any], context: Mapping[str, Any], xml: str, *, project_id: int | None
    ) -> Suggestion:
        """Return the mask of what was drawn.

        Args:
            task: The task as Label Studio sends it.
            context: `params.context` of its request.
            xml: The labeling config.
            project_id: Label Studio's project.

        Raises:
            BadRequest: the request holds no prompt, or is malformed.
            LabelConfigError: no tag takes masks of the label.
            MediaError: the image cannot be had.
            ModelError: the weights cannot be had or loaded.
        """
        started = perf_counter()
        parsed = parse_task(task)

        def live() -> frozenset[str]:
            return self._interactions.live_prompts(project_id, parsed.id)

        request = read_smart_request(context, task, live=live)
        if request.is_clearing:
            self._interactions.clear(project_id, parsed.id)
            return Suggestion(None, None, self._holder.version())
        control = choose_output(self._controls(xml), to_name=request.to_name, label=request.label)
        suggestion = self._answer(parsed, request, control, project_id)
        self._prefetcher.ask(project_id, parsed, control)
        self._metrics.click_seconds.observe(perf_counter() - started)
        return suggestion

    def prepare(self, tasks: Sequence[Task], xml: str, *, project_id: int | None) -> None:
        """Have the images of tasks that were just opened encoded ahead, where the project has smart tools.

        Raises:
            LabelConfigError: the config cannot be read.
        """
        controls = self._controls(xml)
        if not has_smart_tools(controls):
            return
        for task in tasks:
            for control in smart_images(controls):
                self._prefetcher.ask(project_id, task, control)

    def _answer(
        self, task: Task, request: SmartRequest, control: ControlTag, project_id: int | None
    ) -> Suggestion:
        # Before the image is had, which may take seconds: requests are told apart by when they came.
        memory = self._interactions.recall(project_id, request)
        engine = self._holder.engine()
        embedding = self._embeddings.get(image_address(control, task.data), task_id=task.id)

        def alone(point: PromptPoint) -> FoundMask:
            return engine.segment(embedding, [Prompts(points=(point,))])[0]

        step = next_step(
            memory.interactions,
            on_image(request, embedding.size),
            project_id=project_id,
            engine=engine.key,
            # Masks of a SAM have four times the embedding's side.
            side=4 * embedding.features.shape[-1],
            alone=alone,
        )
        if step is None:
            return Suggestion(None, control, engine.version)
        found = step.found or engine.segment(embedding, [step.prompts])[0]
        answer = Interaction(step.thing, found.mask, found.logits, engine.key, embedding.size)
        self._interactions.remember(project_id, request, memory, answer)
        region = mask_region(
            found,
            control,
            label=request.label,
            region_id=step.thing.region_id,
            size=embedding.size,
            polygon_points=self._polygon_points,
            min_area=self._min_area,
        )
        return Suggestion(region, control, engine.version)
