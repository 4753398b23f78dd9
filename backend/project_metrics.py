"""Gauges of projects for Prometheus: read when they are asked for, and so the same from every process."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from backend.errors import AppError
from backend.queue import JobQueue
from backend.report.entities import ProjectReport
from backend.stats.quality import Figures
from backend.store.alerts import list_alerts
from backend.store.database import Database
from backend.store.projects import list_projects
from backend.store.reviews import count_states
from backend.store.runs import active_run
from backend.store.stored_reports import read_report
from backend.training.progress import progress_of

Family = GaugeMetricFamily

_MOST_ALERTS = 1000


def render_project_metrics(database: Database, queue: JobQueue) -> bytes:
    """Return the gauges in Prometheus' text format; of a part that does not answer, that it is down."""
    registry = CollectorRegistry()
    registry.register(_Projects(database, queue))
    return generate_latest(registry)


class _Projects(Collector):
    def __init__(self, database: Database, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue

    def collect(self) -> Iterator[Family]:
        up = Family("yolo_sam_up", "Whether a part answers.", labels=["part"])
        parts: dict[str, Callable[[], Iterable[Family]]] = {
            "database": lambda: _of_projects(self._database),
            "redis": lambda: _of_queue(self._queue),
        }
        for part, read in parts.items():
            try:
                families = list(read())
            except AppError:
                families = []
            up.add_metric([part], float(bool(families)))
            yield from families
        yield up


def _of_queue(queue: JobQueue) -> Iterator[Family]:
    waiting = Family("yolo_sam_waiting_jobs", "Jobs that wait for a worker.", labels=["queue"])
    for name, count in queue.lengths().items():
        waiting.add_metric([name], count)
    workers = Family("yolo_sam_workers", "Workers that are alive.")
    workers.add_metric([], queue.worker_count())
    yield from (waiting, workers)


def _of_projects(database: Database) -> Iterator[Family]:
    tasks = Family("yolo_sam_tasks", "Tasks by review state.", labels=["project", "state"])
    runs = Family("yolo_sam_run_progress", "Part of the active run's epochs done.", labels=["project", "run"])
    alerts = Family("yolo_sam_open_alerts", "Open alerts.", labels=["project", "kind"])
    reports = []
    for project_id, _, _ in list_projects(database):
        project = str(project_id)
        for state, count in count_states(database, project_id).items():
            tasks.add_metric([project, state], count)
        if run := active_run(database, project_id):
            runs.add_metric([project, run.id], progress_of(run))
        if report := read_report(database, project_id):
            reports.append(report)
    counted: dict[tuple[str, str], int] = {}
    for alert in list_alerts(database, is_open=True, limit=_MOST_ALERTS):
        key = (str(alert.project_id or ""), alert.kind)
        counted[key] = counted.get(key, 0) + 1
    for labels, count in counted.items():
        alerts.add_metric(labels, count)
    yield from chain((tasks, runs, alerts), _of_reports(reports))


def _of_reports(reports: Iterable[ProjectReport]) -> Iterator[Family]:
    common = ["project"]
    made = Family("yolo_sam_report_time_seconds", "When the report was made, Unix time.", labels=common)
    quality = Family(
        "yolo_sam_quality",
        "Precision, recall and F1 of the newest corrected version, with the ends of the 95 % interval.",
        labels=[*common, "version", "tasks", "figure", "bound"],
    )
    corrections = Family(
        "yolo_sam_corrections",
        "Regions of the newest corrected version by what annotators did.",
        labels=[*common, "version", "kind"],
    )
    agreement = Family("yolo_sam_agreement", "Agreement of annotators.", labels=[*common, "figure"])
    errors = Family("yolo_sam_label_errors", "Suspected label errors.", labels=[*common, "kind"])
    drift = Family("yolo_sam_drift_psi", "Change of the images since training.", labels=[*common, "measure"])
    limit = Family("yolo_sam_drift_limit", "What chance explains of it.", labels=[*common, "measure"])
    for report in reports:
        project = str(report.project_id)
        made.add_metric([project], report.made_at.timestamp())
        for version in report.quality.versions[:1]:
            for tasks, figures in (("corrected", version.corrected), ("blind", version.blind)):
                _add_quality(quality, [project, version.version, tasks], figures)
            tally = version.corrected.tally
            for kind in ("kept", "adjusted", "relabelled_from", "deleted", "added"):
                count = getattr(tally, kind)
                corrections.add_metric([project, version.version, kind.removesuffix("_from")], count)
        for figure in ("f1", "iou", "alpha"):
            if estimate := getattr(report.agreement.overall, figure):
                agreement.add_metric([project, figure], estimate.value)
        for error, count in report.label_errors.counts.items():
            errors.add_metric([project, error], count)
        for measure in report.drift.measures:
            if measure.value is not None and measure.limit is not None:
                drift.add_metric([project, measure.measure], measure.value)
                limit.add_metric([project, measure.measure], measure.limit)
    yield from (made, quality, corrections, agreement, errors, drift, limit)


def _add_quality(family: Family, labels: list[str], figures: Figures) -> None:
    for name in ("precision", "recall", "f1"):
        if estimate := getattr(figures, name):
            for bound in ("value", "low", "high"):
                family.add_metric([*labels, name, bound], getattr(estimate, bound))
