"""The model as label-studio-ml knows it. Our own server calls it, and so can label-studio-ml's.

Its version 1.0.9 constructs `(label_config=, train_output=, **kwargs)`, 2.x `(project_id, label_config=)`.
"""

import functools
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from label_studio_ml.model import LabelStudioMLBase

from backend.errors import AppError
from backend.labelstudio.results import prediction_to_json, suggestion_to_json
from backend.labelstudio.tasks import parse_project_id, parse_task
from backend.review.inbox import receive_event
from backend.services import Services
from backend.settings import read_settings

log = structlog.get_logger(__name__)

# A person opens one task at a time; so many at once are a selection to be pre-labelled.
_MOST_OPENED = 3


@functools.cache
def default_services() -> Services:
    """Return the services of a process that label-studio-ml runs, which makes a new model for each call."""
    services = Services.build(read_settings())
    services.champions.start_watching()
    return services


class YoloSamModel(LabelStudioMLBase):  # type: ignore[misc]
    """Predict with YOLO, answer smart tools with SAM, and keep what Label Studio reports.

    Args:
        project_id: Label Studio's project, "<id>" or "<id>.<time>"; None where the caller does not know.
        label_config: The project's labeling config, XML.
        services: The process's services; built from the settings where a foreign server constructs this.
        kwargs: Taken by the base class of label-studio-ml 1.0.9, ignored by that of 2.x.
    """

    def __init__(
        self,
        project_id: str | int | None = None,
        label_config: str | None = None,
        *,
        services: Services | None = None,
        **kwargs: Any,
    ) -> None:
        self._services = services or default_services()
        self._project_id = parse_project_id(project_id)
        self._label_config = label_config or ""
        if services is None:
            if "project_id" in inspect.signature(LabelStudioMLBase.__init__).parameters:
                super().__init__(project_id=project_id, label_config=label_config)
            else:
                super().__init__(label_config=label_config, **kwargs)

    def predict(
        self, tasks: Iterable[Mapping[str, Any]], context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, Any]]:
        """Return one result per task, in order.

        Args:
            tasks: Tasks as Label Studio sends them.
            context: What an annotator's smart tool drew; None for pre-labels.
            kwargs: Whatever else a server passes; ignored.

        Raises:
            AppError: nothing could be predicted at all; `message` says why and what to do.
        """
        raw = list(tasks)
        project_id = self._project_id
        if project_id is None and raw:
            project_id = parse_project_id(raw[0].get("project"))
        if context is not None:
            return [self._suggest(task, context, project_id) for task in raw]
        plan = self._services.pipeline.planner.plan(self._label_config, project_id)
        parsed = [parse_task(task) for task in raw]
        if len(parsed) <= _MOST_OPENED:
            self._services.smart_tools.prepare(parsed, self._label_config, project_id=project_id)
        predictions = self._services.pipeline.predict(
            self._services.serving.during(parsed), plan, project_id=project_id
        )
        return [prediction_to_json(prediction, plan.controls) for prediction in predictions]

    def _suggest(
        self, task: Mapping[str, Any], context: Mapping[str, Any], project_id: int | None
    ) -> dict[str, Any]:
        suggestion = self._services.smart_tools.suggest(
            task, context, self._label_config, project_id=project_id
        )
        return suggestion_to_json(suggestion.region, suggestion.control, version=suggestion.version)

    def setup(self) -> None:
        """Tell label-studio-ml 2.x our model version, which its own `/setup` answers; 1.0.9 has no such hook.

        A labeling config that cannot work is reported by `predict`, which can say so to somebody.
        """
        try:
            plan = self._services.pipeline.planner.plan(self._label_config, self._project_id)
            self.set("model_version", plan.version)
        except AppError as error:
            log.warning("no_model_version", detail=error.message)

    def fit(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Store one webhook event, as `/webhook` does; processing is a job.

        Takes `(event, data)`, positional as label-studio-ml 2.x calls it, or by keyword as 1.0.9 does beside
        its own first argument. `event` is the action's name, `data` the webhook's body.

        Raises:
            BadRequest: the body is no event.
            DatabaseUnavailable: the event is not stored.
        """
        positional = dict(zip(("event", "data"), args, strict=False)) if "event" not in kwargs else {}
        given = positional | kwargs
        data = given.get("data")
        body = {**data, "action": given.get("event")} if isinstance(data, Mapping) else data
        receive_event(body, events=self._services.events, queue=self._services.queue)
        return {}
