"""What Prometheus is told of projects."""

import re
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from backend.project_metrics import ProjectMetrics
from backend.queue import JobQueue
from backend.services import Services
from backend.store.alerts import raise_alert
from backend.store.stored_reports import store_report
from tests.backend.report.makers import NOW, VERSIONS, make_report
from tests.backend.tallies import PROJECT, know_project


class Gauges:
    """Prometheus' text, asked by name and labels."""

    def __init__(self, text: str) -> None:
        rows = re.findall(r"^(yolo_sam\w+)(?:\{(.*)\})? (\S+)$", text, re.MULTILINE)
        self._values = {(name, self._key(re.findall(r'(\w+)="([^"]*)"', labels))): float(value)
                        for name, labels, value in rows}  # fmt: skip

    def read(self, name: str, **labels: str) -> float:
        return self._values[f"yolo_sam_{name}", self._key(labels.items())]

    @staticmethod
    def _key(labels: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        return frozenset(labels)


def test_gauges_are_the_figures_of_the_report(client: FlaskClient, services: Services) -> None:
    know_project(services.database)
    report = make_report(PROJECT)
    store_report(services.database, report, basis="", seconds=1)
    gauges = Gauges(client.get("/metrics").text)
    newest, project = report.quality.versions[0].corrected, str(PROJECT)
    of_f1 = {"project": project, "version": VERSIONS[0], "tasks": "corrected", "figure": "f1"}
    assert newest.f1 is not None
    assert gauges.read("quality", **of_f1, bound="value") == newest.f1.value
    assert gauges.read("quality", **of_f1, bound="low") == newest.f1.low
    kept = gauges.read("corrections", project=project, version=VERSIONS[0], kind="kept")
    assert kept == newest.tally.kept
    assert gauges.read("label_errors", project=project, kind="missing label") == 1
    assert gauges.read("report_time_seconds", project=project) == NOW.timestamp()
    assert gauges.read("tasks", project=project, state="not_viewed") == 0


def test_open_alerts_are_counted_by_kind(client: FlaskClient, services: Services) -> None:
    with services.database.write() as session:
        for key in ("a", "b"):
            raise_alert(
                session, project_id=7, kind="drift", key=key, message="", now=datetime(2026, 3, 2, tzinfo=UTC)
            )
    assert Gauges(client.get("/metrics").text).read("open_alerts", project="7", kind="drift") == 2


def test_part_that_does_not_answer_is_named_and_hides_no_other(client: FlaskClient) -> None:
    gauges = Gauges(client.get("/metrics").text)
    assert (gauges.read("up", part="database"), gauges.read("up", part="redis")) == (1, 0)


def test_waiting_jobs_are_counted_by_queue(services: Services, redis_address: str) -> None:
    with closing(JobQueue(redis_address)) as queue:
        queue.enqueue_once("events", "nothing.at_all")
        gauges = Gauges(ProjectMetrics(services.database, queue).render().decode())
    assert gauges.read("waiting_jobs", queue="events") == 1
    assert gauges.read("workers") == 0


def test_gauges_follow_a_newer_report(client: FlaskClient, services: Services) -> None:
    know_project(services.database)
    for hours in (0, 1):
        made_at = NOW + timedelta(hours=hours)
        report = replace(make_report(PROJECT), made_at=made_at)
        store_report(services.database, report, basis="", seconds=1)
        gauges = Gauges(client.get("/metrics").text)
        assert gauges.read("report_time_seconds", project=str(PROJECT)) == made_at.timestamp()


def test_report_that_stayed_is_not_read_again(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_project(services.database)
    store_report(services.database, make_report(PROJECT), basis="", seconds=1)
    first = Gauges(client.get("/metrics").text)
    monkeypatch.setattr("backend.project_metrics.read_report", None)
    again = Gauges(client.get("/metrics").text)
    labels = {"project": str(PROJECT), "kind": "missing label"}
    assert again.read("label_errors", **labels) == first.read("label_errors", **labels) == 1
