"""What nobody should send to /webhook: refused cheaply, or kept, and then without harm to other events."""

import io
import tracemalloc
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.review.account import Accountant
from backend.review.ingest import EventProcessor
from backend.services import Services
from backend.store.event_log import count_events
from backend.store.ledger_tables import SqlAnnotation, SqlReview
from backend.store.tables import SqlEvent
from tests.backend.makers import MakeClient
from tests.backend.review.events import (
    PROJECT,
    annotation,
    created,
    deleted,
    event,
    region,
    result_of,
    task_of,
)

MB = 2**20
SECRET = "webhook-secret"
TASK, GOOD = 3, 77  # a task that nothing was predicted for, and the annotation of a sound event


class EndlessBody(io.RawIOBase):
    """A body of 200 MB that is made while it is read."""

    def __init__(self) -> None:
        self.left = 200 * MB
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self.left)
        buffer[:count] = b"x" * count
        self.left -= count
        self.taken += count
        return count


def send_200_mb(client: FlaskClient, *, is_chunked: bool, **headers: str) -> tuple[Any, EndlessBody, int]:
    """Return the answer, the body, and the most memory in bytes that was in use meanwhile."""
    body = EndlessBody()
    # As gunicorn passes them on: a body in chunks has no length, and ends where its stream ends.
    length = {"HTTP_TRANSFER_ENCODING": "chunked"} if is_chunked else {"CONTENT_LENGTH": str(body.left)}
    environ = {"wsgi.input": body, "wsgi.input_terminated": is_chunked, **length}
    tracemalloc.start()
    try:
        answer = client.post("/webhook", headers=headers, environ_overrides=environ)
        return answer, body, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with its length", "in chunks"])
def test_body_of_200_mb_is_refused_and_never_in_memory(make_client: MakeClient, is_chunked: bool) -> None:
    answer, body, memory = send_200_mb(make_client(max_body_mb=8), is_chunked=is_chunked)
    assert (answer.status_code, answer.json["error"]) == (413, "payload_too_large")
    assert body.taken <= (10 * MB if is_chunked else 0)
    assert memory < 40 * MB


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with its length", "in chunks"])
def test_wrong_secret_is_refused_before_a_byte_of_the_body_is_read(
    make_client: MakeClient, is_chunked: bool
) -> None:
    client = make_client(webhook_secret=SECRET)
    answer, body, _ = send_200_mb(client, is_chunked=is_chunked, **{"X-Webhook-Secret": "guess"})
    assert (answer.status_code, answer.json["error"]) == (401, "unauthorized")
    assert body.taken == 0


def test_nan_is_refused_and_named(client: FlaskClient, services: Services) -> None:
    text = b'{"action": "ANNOTATION_CREATED", "annotation": {"id": 1, "result": [{"value": {"x": NaN}}]}}'
    answer = client.post("/webhook", data=text)
    assert (answer.status_code, answer.json["error"]) == (400, "bad_request")
    assert "NaN is no JSON number" in answer.json["message"]
    assert count_events(services.database) == {}


def submitted(**changes: Any) -> dict[str, Any]:
    """Return an event with one region, `changes` made to its result."""
    return created({**annotation(1, task=TASK), "result": [result_of(region("r")) | changes]})


def box(**changes: Any) -> dict[str, Any]:
    value = result_of(region("r"))["value"]
    return submitted(value={**value, **changes})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"action": "OF_TOMORROW", "project": {"id": PROJECT}, "x": [1]}, id="unknown action"),
        pytest.param(submitted(type="hologram", value={"hologram": [1]}), id="result of an unknown type"),
        pytest.param(submitted(type=None), id="result without a type"),
        pytest.param(submitted(type=["rectanglelabels"]), id="result's type a list"),
        pytest.param(submitted(value=None), id="region without a value"),
        pytest.param(submitted(value={}), id="region without geometry"),
        pytest.param(submitted(value={"rectanglelabels": ["car"]}), id="region with a label alone"),
        pytest.param(submitted(original_width=0), id="image without a width"),
        pytest.param(submitted(original_width=10**30, original_height=10**30), id="image beyond all sizes"),
        pytest.param(submitted(original_width="640"), id="image's width a text"),
        pytest.param(submitted(id=None), id="region without an id"),
        pytest.param(submitted(id={"a": 1}), id="region's id an object"),
        pytest.param(box(x=-50.0, width=250.0), id="percent out of range"),
        pytest.param(box(x=1e300, y=-1e300), id="percent out of all proportion"),
        pytest.param(box(width=-5.0, height=0.0), id="box turned inside out"),
        pytest.param(box(x="10"), id="percent a text"),
        pytest.param(box(x=True), id="percent true"),
        pytest.param(box(x=10**400), id="percent beyond all floats"),
        pytest.param(box(rotation=1e308), id="rotation beyond all turns"),
        pytest.param(box(rectanglelabels=[]), id="no label"),
        pytest.param(box(rectanglelabels=[1, None, {}]), id="labels that are no text"),
        pytest.param(box(rectanglelabels="car"), id="labels a text"),
        pytest.param(
            submitted(type="brushlabels", value={"format": "rle", "rle": [1, 2, 3], "brushlabels": ["car"]}),
            id="mask that is no run-length code",
        ),
        pytest.param(
            submitted(type="polygonlabels", value={"points": [[1], "x"], "polygonlabels": ["car"]}),
            id="polygon of no points",
        ),
        pytest.param(created({**annotation(1), "result": "text"}), id="result a text"),
        pytest.param(
            created({**annotation(1), "result": [1, None, "x", []]}), id="results that are no objects"
        ),
        pytest.param(created({**annotation(1), "updated_at": "yesterday"}), id="time that is none"),
        pytest.param(created({**annotation(1), "completed_by": "me"}), id="annotator a name"),
        pytest.param(created({**annotation(1), "id": "1"}), id="annotation's id a text"),
        pytest.param(created({**annotation(1), "id": 2**70}), id="annotation's id over 63 bits"),
        pytest.param(created({**annotation(1), "lead_time": "long"}), id="lead time a text"),
        pytest.param(event("ANNOTATION_CREATED", annotation=[[]], task=[]), id="annotation a list of lists"),
        pytest.param(event("ANNOTATION_CREATED"), id="no annotation"),
        pytest.param(
            event("ANNOTATIONS_DELETED", annotations=[{"id": "x"}, 1, None]), id="ids that are none"
        ),
        pytest.param(deleted(999), id="deletion of what never came"),
        pytest.param(event("TASKS_CREATED", tasks=[{"id": 5, "data": None}, {}]), id="task without data"),
        pytest.param(event("TASKS_DELETED", tasks="all"), id="tasks a text"),
        pytest.param(
            event("PROJECT_UPDATED") | {"project": {"id": PROJECT, "label_config": 1}}, id="config 1"
        ),
    ],
)
def test_event_that_makes_no_sense_is_kept_and_harms_no_other(
    client: FlaskClient, services: Services, body: dict[str, Any]
) -> None:
    good = created(annotation(GOOD, [region("good")], task=TASK + 1))
    assert client.post("/webhook", json=body).status_code == 201
    assert client.post("/webhook", json=good).status_code == 201
    process(services)
    with services.database.read() as session:
        events = list(session.scalars(select(SqlEvent).order_by(SqlEvent.id)))
        annotations = set(session.scalars(select(SqlAnnotation.id).where(SqlAnnotation.deleted_at.is_(None))))
    assert [stored.payload for stored in events] == [body, good]
    assert all(stored.processed_at for stored in events)
    assert events[-1].error is None
    # An event that we failed at, rather than read, says so in these words.
    assert "could not be processed" not in (events[0].error or "")
    assert annotations - {1} == {GOOD}


def test_annotation_for_a_task_never_seen_is_kept_and_the_task_is_known_from_it(
    client: FlaskClient, services: Services
) -> None:
    body = created(annotation(1, [region("r")], task=987_654_321))
    assert client.post("/webhook", json=body).status_code == 201
    process(services)
    with services.database.read() as session:
        stored = session.get(SqlAnnotation, 1)
        review = session.get(SqlReview, 987_654_321)
    assert stored is not None and stored.shown_id is None
    assert review is not None and (review.state, review.predicted) == ("viewed", None)
    assert review.image == task_of(987_654_321)["data"]["image"]


def process(services: Services) -> None:
    accountant = Accountant(services.database, lambda _: "")
    EventProcessor(services.database, services.pipeline.planner, accountant).process(PROJECT)
