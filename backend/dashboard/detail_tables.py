"""Tables that the page of one version or one annotator has of its own. Pure."""

from backend.dashboard.charts.columns import cells_of, links_by_row, with_interval
from backend.dashboard.charts.names import rater_name
from backend.dashboard.entities import Cell, Chart, Column, Links, Table
from backend.report.entities import ProjectReport
from backend.stats.quality import Figures, Part, VersionQuality
from backend.stats.task_agreement import Rater

_MOST_TASKS = 20


def corrected_classes(quality: VersionQuality | None) -> Chart:
    """Return a version's precision and recall by class, as annotators corrected it."""
    columns = (
        Column("Class"),
        Column("Tasks"),
        *with_interval("Precision"),
        *with_interval("Recall"),
        Column("Blind tasks"),
        *with_interval("Recall where blind"),
    )
    return Chart(
        key="version-corrections",
        title="By class, as people corrected it",
        note="Precision: of its boxes, the share that is right. Recall: of the objects, the share it found.",
        table=Table(columns, tuple(map(_class_row, quality.labels)) if quality else ()),
        traces=(),
        layout={},
        empty="Nobody has reviewed a task with a prediction of this version yet.",
    )


def disputed_tasks(report: ProjectReport, rater: Rater, links: Links) -> Chart:
    """Return the tasks that one person and others agree on least, as far as the report holds them."""
    tasks = [task for task in report.agreement.tasks if rater in task.raters and task.disputed][:_MOST_TASKS]
    columns = (
        Column("Task"),
        Column("Agreement", "%", 0),
        Column("Things marked"),
        Column("Disputed"),
        Column("With"),
    )
    rows = tuple(
        (
            task.task_id,
            100 * task.agreement,
            task.things,
            task.disputed,
            ", ".join(rater_name(other, report.names) for other in task.raters if other != rater),
        )
        for task in tasks
    )
    return Chart(
        key="annotator-disputed",
        title="Least agreed tasks",
        note="Tasks where what this person and others marked differs most.",
        table=Table(columns, rows, links_by_row([task.task_id for task in tasks], links.task)),
        traces=(),
        layout={},
        empty="No task that others labelled too is disputed. To have a share of the tasks labelled by two "
        f"people: python -m backend overlap --project {report.project_id} --share 0.1 --annotators 2",
    )


def _class_row(part: Part[str]) -> tuple[Cell, ...]:
    corrected: Figures = part.corrected
    return (
        part.key,
        corrected.tasks,
        *cells_of(corrected.precision),
        *cells_of(corrected.recall),
        part.blind.tasks,
        *cells_of(part.blind.recall),
    )
