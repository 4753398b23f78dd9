"""Gauges of projects for Prometheus: read when they are asked for, and so the same from every process."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from backend.errors import AppError
from backend.queue import JobQueue
from backend.report.entities import ProjectReport
from backend.store.alerts import list_alerts
from backend.store.database import Database
from backend.store.projects import list_projects
from backend.store.reviews import count_states
from backend.store.runs import active_run
from backend.store.stored_reports import read_basis, read_report
from backend.training.progress import progress_of

_MOST_ALERTS = 1000

# By name, what each gauge is, and its labels.
_GAUGES = {
    "yolo_sam_up": ("Whether a part answers.", ("part",)),
    "yolo_sam_waiting_jobs": ("Jobs that wait for a worker.", ("queue",)),
    "yolo_sam_workers": ("Workers that are alive.", ()),
    "yolo_sam_tasks": ("Tasks by review state.", ("project", "state")),
    "yolo_sam_run_progress": ("Part of the active run's epochs that are done.", ("project", "run")),
    "yolo_sam_open_alerts": ("Open alerts.", ("project", "kind")),
    "yolo_sam_report_time_seconds": ("When the report was made, Unix time.", ("project",)),
    "yolo_sam_quality": (
        "Precision, recall and F1 of the newest corrected version, with the ends of the 95 % interval.",
        ("project", "version", "tasks", "figure", "bound"),
    ),
    "yolo_sam_corrections": (
        "Regions of the newest corrected version by what annotators did.",
        ("project", "version", "kind"),
    ),
    "yolo_sam_agreement": ("Agreement of annotators.", ("project", "figure")),
    "yolo_sam_label_errors": ("Suspected label errors.", ("project", "kind")),
    "yolo_sam_drift_psi": ("Change of the images since training.", ("project", "measure")),
    "yolo_sam_drift_limit": ("What chance explains of it.", ("project", "measure")),
}

# A gauge's name, its labels' values in their order, and its own.
Sample = tuple[str, tuple[str, ...], float]


class ProjectMetrics:
    """The gauges of one process; safe for any number of threads.

    Figures of a report are kept until there is another one, since reading a large report takes long.
    """

    def __init__(self, database: Database, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue
        self._reports: dict[int, tuple[datetime, tuple[Sample, ...]]] = {}

    def render(self) -> bytes:
        """Return the gauges in Prometheus' text format; of a part that does not answer, that it is down."""
        registry = CollectorRegistry()
        registry.register(_Given([*self._read()]))
        return generate_latest(registry)

    def _read(self) -> Iterator[Sample]:
        parts: dict[str, Callable[[], Iterator[Sample]]] = {
            "database": self._of_projects,
            "redis": self._of_queue,
        }
        for part, read in parts.items():
            try:
                samples, is_up = [*read()], 1.0
            except AppError:
                samples, is_up = [], 0.0
            yield "yolo_sam_up", (part,), is_up
            yield from samples

    def _of_queue(self) -> Iterator[Sample]:
        for name, count in self._queue.lengths().items():
            yield "yolo_sam_waiting_jobs", (name,), count
        yield "yolo_sam_workers", (), self._queue.worker_count()

    def _of_projects(self) -> Iterator[Sample]:
        for project_id, _, _ in list_projects(self._database):
            project = str(project_id)
            for state, count in count_states(self._database, project_id).items():
                yield "yolo_sam_tasks", (project, state), count
            if run := active_run(self._database, project_id):
                yield "yolo_sam_run_progress", (project, run.id), progress_of(run)
            yield from self._of_report(project_id)
        alerts = list_alerts(self._database, is_open=True, limit=_MOST_ALERTS)
        counted = Counter((str(alert.project_id or ""), alert.kind) for alert in alerts)
        for labels, count in counted.items():
            yield "yolo_sam_open_alerts", labels, count

    def _of_report(self, project_id: int) -> tuple[Sample, ...]:
        basis = read_basis(self._database, project_id)
        if basis is None:
            return ()
        made_at, samples = self._reports.get(project_id, (None, ()))
        if made_at != basis.made_at:
            report = read_report(self._database, project_id)
            samples = tuple(_samples(report)) if report else ()
            self._reports[project_id] = basis.made_at, samples
        return samples


class _Given(Collector):
    """Samples as the families that prometheus-client writes."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families = {
            name: GaugeMetricFamily(name, words, labels=labels) for name, (words, labels) in _GAUGES.items()
        }
        for name, labels, value in self._samples:
            families[name].add_metric(labels, value)
        yield from families.values()


def _samples(report: ProjectReport) -> Iterator[Sample]:
    project = str(report.project_id)
    yield "yolo_sam_report_time_seconds", (project,), report.made_at.timestamp()
    for version in report.quality.versions[:1]:
        for tasks, figures in (("corrected", version.corrected), ("blind", version.blind)):
            for name in ("precision", "recall", "f1"):
                if estimate := getattr(figures, name):
                    for bound in ("value", "low", "high"):
                        labels = (project, version.version, tasks, name, bound)
                        yield "yolo_sam_quality", labels, getattr(estimate, bound)
        for kind in ("kept", "adjusted", "relabelled_from", "deleted", "added"):
            count = getattr(version.corrected.tally, kind)
            yield "yolo_sam_corrections", (project, version.version, kind.removesuffix("_from")), count
    for figure in ("f1", "iou", "alpha"):
        if estimate := getattr(report.agreement.overall, figure):
            yield "yolo_sam_agreement", (project, figure), estimate.value
    for error, count in report.label_errors.counts.items():
        yield "yolo_sam_label_errors", (project, error), count
    for drift in report.drift.measures:
        if drift.value is not None and drift.limit is not None:
            yield "yolo_sam_drift_psi", (project, drift.measure), drift.value
            yield "yolo_sam_drift_limit", (project, drift.measure), drift.limit
