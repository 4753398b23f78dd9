"""`YoloSamModel` in the hands of label-studio-ml: version 1.0.9, and 2.x by a stand-in of its base."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from sqlalchemy import select

import model
from backend.errors import BadRequest, LabelConfigError
from backend.inference.checkpoint import Checkpoint
from backend.services import Services
from backend.store.event_log import count_events
from backend.store.prediction_log import count_predictions
from backend.store.tables import SqlEvent
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import BOXES, NO_BOXES
from tests.backend.pictures import png

MODEL_FILE = Path(__file__).parent.parent / "model.py"
IMAGE = "/data/upload/1/a.png"
CREATED = {"annotation": {"id": 1, "updated_at": "x"}, "project": {"id": 7}}


class BaseOf2x:
    """What 2.x's base class does with what it is constructed with: a memory by project, then `setup`."""

    memory: ClassVar[dict[tuple[str, str], Any]] = {}

    def __init__(self, project_id: str | None = None, label_config: str | None = None) -> None:
        self.project_id = project_id or ""
        if label_config is not None:
            self.set("label_config", label_config)
        if not self.get("model_version"):
            self.set("model_version", "0.0.1")
        self.setup()

    def setup(self) -> None:
        """A model may name its version here."""

    def get(self, key: str) -> Any:
        return self.memory.get((self.project_id, key))

    def set(self, key: str, value: Any) -> None:
        self.memory[self.project_id, key] = value

    @property
    def label_config(self) -> Any:
        return self.get("label_config")

    @property
    def model_version(self) -> Any:
        return self.get("model_version")


@pytest.fixture
def model_1x(services: Services, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module beside label-studio-ml 1.0.9, which is installed."""
    monkeypatch.setattr(model, "default_services", lambda: services)
    return model


@pytest.fixture
def model_2x(services: Services, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module beside label-studio-ml 2.x."""
    foreign = ModuleType("label_studio_ml.model")
    foreign.LabelStudioMLBase = BaseOf2x  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "label_studio_ml.model", foreign)
    monkeypatch.setattr(BaseOf2x, "memory", {})
    spec = importlib.util.spec_from_file_location("model_beside_2x", MODEL_FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "default_services", lambda: services)
    return module


def construct_1x(module: ModuleType, config: str | None = BOXES) -> Any:
    return module.YoloSamModel(label_config=config, train_output={}, hostname="http://h", access_token="t")


def construct_2x(module: ModuleType, config: str | None = BOXES) -> Any:
    return module.YoloSamModel(project_id="7", label_config=config)


@pytest.fixture(params=["1.0.9", "2.x"])
def construct(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Construct the model as label-studio-ml of one version does."""
    if request.param == "2.x":
        module = request.getfixturevalue("model_2x")
        return lambda *given: construct_2x(module, *given)
    module = request.getfixturevalue("model_1x")
    return lambda *given: construct_1x(module, *given)


def task(number: int, image: str = IMAGE) -> dict[str, Any]:
    return {"id": number, "project": 7, "data": {"image": image}}


def stored(services: Services) -> list[tuple[str, Mapping[str, Any]]]:
    with services.database.read() as session:
        rows = session.execute(select(SqlEvent.action, SqlEvent.payload))
        return [(row.action, row.payload) for row in rows]


def test_constructed_by_label_studio_ml_it_predicts_every_task_in_order(
    construct: Callable[..., Any],
    services: Services,
    image_server: ImageServer,
    tiny_checkpoint: Checkpoint,
) -> None:
    image_server.serve(IMAGE, png())
    results = construct().predict([task(1), task(2, "/data/missing.png"), task(3)], context=None, login="x")
    assert [len(result["result"]) for result in results] == [2, 0, 2]
    assert results[0]["model_version"] == tiny_checkpoint.version
    assert count_predictions(services.database) == {(7, tiny_checkpoint.version): (3, 1)}


def test_predict_without_a_context_argument_is_a_prelabel(
    construct: Callable[..., Any], image_server: ImageServer
) -> None:
    image_server.serve(IMAGE, png())
    [result] = construct().predict([task(1)])
    assert len(result["result"]) == 2


def test_smart_tool_gets_one_empty_result_per_task(construct: Callable[..., Any]) -> None:
    results = construct().predict([task(1), task(2)], context={"result": []})
    assert [result["result"] for result in results] == [[], []]


@pytest.mark.parametrize("config", [None, "", NO_BOXES])
def test_config_that_cannot_work_fails_the_prediction_and_not_the_constructor(
    construct: Callable[..., Any], config: str | None
) -> None:
    with pytest.raises(LabelConfigError):
        construct(config).predict([task(1)])


def test_base_class_of_1x_is_constructed_too(model_1x: ModuleType) -> None:
    made = construct_1x(model_1x)
    assert (made.label_config, made.hostname, made.train_output) == (BOXES, "http://h", {})
    assert list(made.parsed_label_config) == ["label"]


def test_base_class_of_2x_is_constructed_too(model_2x: ModuleType) -> None:
    made = construct_2x(model_2x)
    assert (made.project_id, made.label_config) == ("7", BOXES)


def test_version_that_2x_tells_at_setup_is_that_of_the_predictions(
    model_2x: ModuleType, image_server: ImageServer
) -> None:
    image_server.serve(IMAGE, png())
    made = construct_2x(model_2x)
    [result] = made.predict([task(1)])
    assert made.get("model_version") == result["model_version"]


def test_region_ids_do_not_depend_on_who_constructed_the_model(
    model_1x: ModuleType, services: Services, image_server: ImageServer
) -> None:
    image_server.serve(IMAGE, png())
    ours = model.YoloSamModel("7.123", BOXES, services=services)
    theirs = construct_1x(model_1x)
    assert ours.predict([task(1)]) == theirs.predict([task(1)])


@pytest.mark.parametrize(
    "fit",
    [
        pytest.param(lambda m, e, d: m.fit(e, d), id="2.x"),
        pytest.param(lambda m, e, d: m.fit(e, d, extra=1), id="2.x with parameters"),
        pytest.param(lambda m, e, d: m.fit(event=e, data=d, job_id="j"), id="2.x from a job"),
        pytest.param(lambda m, e, d: m.fit((), event=e, data=d, job_id="j", workdir="/"), id="1.0.9"),
    ],
)
@pytest.mark.parametrize(
    "body", [CREATED, {"action": "ANNOTATION_CREATED", **CREATED}], ids=["popped", "whole"]
)
def test_fit_stores_the_event_once(
    construct: Callable[..., Any], services: Services, fit: Callable[..., Any], body: dict[str, Any]
) -> None:
    made = construct()
    assert [fit(made, "ANNOTATION_CREATED", body) for _ in range(2)] == [{}, {}]
    assert stored(services) == [("ANNOTATION_CREATED", {**CREATED, "action": "ANNOTATION_CREATED"})]


def test_fit_leaves_the_callers_body_as_it_was(construct: Callable[..., Any]) -> None:
    body = dict(CREATED)
    construct().fit("ANNOTATION_CREATED", body)
    assert body == CREATED


def test_process_event_of_1x_leads_to_fit(model_1x: ModuleType, services: Services) -> None:
    construct_1x(model_1x).process_event("ANNOTATION_CREATED", dict(CREATED), "job", {})
    assert count_events(services.database) == {(7, "ANNOTATION_CREATED"): 1}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="nothing"),
        pytest.param(("ANNOTATION_CREATED",), id="no data"),
        pytest.param(("ANNOTATION_CREATED", None), id="data null"),
        pytest.param((None, CREATED), id="no event"),
        pytest.param(([], "workdir"), id="tasks and folder, as 1.0.9 trains"),
    ],
)
def test_fit_refuses_what_is_no_event(
    construct: Callable[..., Any], services: Services, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(BadRequest):
        construct().fit(*arguments)
    assert stored(services) == []
