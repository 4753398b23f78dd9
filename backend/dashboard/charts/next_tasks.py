"""The tasks worth labelling next, in their order."""

from backend.dashboard.charts.columns import links_by_row
from backend.dashboard.charts.names import short_version
from backend.dashboard.entities import Chart, Column, Links, Section, Table
from backend.stats.next_tasks import NextTasksReport

_COLUMNS = (
    Column("Task"),
    Column("Why"),
    Column("Worth", digits=2),
    Column("Unsure", digits=2),
    Column("Versions disagree", digits=2),
    Column("Rare classes", digits=2),
    Column("Unlike others", digits=2),
)


def next_tasks_section(report: NextTasksReport, project_id: int, links: Links) -> Section:
    """Return the next tasks with what speaks for each."""
    versions = " and ".join(map(short_version, report.versions))
    intro = " ".join(
        (
            f"The tasks from which the model learns most, out of {report.candidates} that wait"
            f"{f', by {versions}' if versions else ''}: where it is unsure, where its last two versions "
            "disagree, with rare classes, and unlike what is labelled already.",
            *report.notes,
        )
    )
    rows = tuple(
        (
            each.task_id,
            each.reason,
            each.value,
            each.uncertainty,
            each.disagreement,
            each.rarity,
            each.novelty,
        )
        for each in report.tasks
    )
    chart = Chart(
        key="next-tasks-list",
        title="Label these next",
        note="In this order; all figures are from 0 to 1. Make it a tab in Label Studio: python -m backend "
        f"next --project {project_id} --tabs",
        table=Table(_COLUMNS, rows, links_by_row([each.task_id for each in report.tasks], links.task)),
        traces=(),
        layout={},
        empty="No task waits that the model has predicted. Import images into the project, then: "
        f"python -m backend prelabel --project {project_id}",
    )
    return Section("next-tasks", "What to label next", intro, (chart,))
