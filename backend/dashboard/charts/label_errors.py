"""Labels that are probably wrong, the most suspect first."""

from collections.abc import Mapping

from backend.dashboard.charts.columns import links_by_row
from backend.dashboard.charts.layouts import count_axis, in_rows
from backend.dashboard.charts.names import person_name, short_version
from backend.dashboard.charts.traces import bars, first_rows
from backend.dashboard.entities import Chart, Column, Links, Section, Table
from backend.stats.label_errors import LabelErrorReport


def label_errors_section(
    report: LabelErrorReport, names: Mapping[int, str], project_id: int, links: Links
) -> Section:
    """Return suspected errors by kind, and one by one; `names` are those of annotators by id."""
    unseen = (
        f" {report.unseen} more could not be judged, since every model that looked at them may have learnt "
        "their labels."
        if report.unseen
        else ""
    )
    intro = (
        "Labels that a model which has not learnt them says otherwise about. Look at them, the most suspect "
        f"first: some are right and the model is wrong. {report.tasks} tasks with {report.objects} objects "
        f"were looked at.{unseen}"
    )
    charts = (_kinds(report, project_id), _list(report, names, project_id, links))
    return Section("label-errors", "Labels that may be wrong", intro, charts)


def _kinds(report: LabelErrorReport, project_id: int) -> Chart:
    rows = tuple((kind.value.capitalize(), count) for kind, count in report.counts.items())
    table = Table((Column("What"), Column("Suspected")), rows if any(report.counts.values()) else ())
    drawn = first_rows(table, len(rows))
    return Chart(
        key="label-errors-kinds",
        title="Suspected errors by kind",
        note="How many labels are probably missing, too many, of a wrong class, or loosely drawn.",
        table=table,
        traces=(bars(drawn, "What", "Suspected", place=0, lying=True),) if table.rows else (),
        layout=in_rows(len(drawn.rows), count_axis("Labels", max(report.counts.values(), default=0))),
        empty=_empty(report, project_id),
    )


def _list(report: LabelErrorReport, names: Mapping[int, str], project_id: int, links: Links) -> Chart:
    columns = (
        Column("Task"),
        Column("What"),
        Column("Why"),
        Column("Label"),
        Column("Model says"),
        Column("Model's score", digits=2),
        Column("Trust in the label", digits=2),
        Column("Annotator"),
        Column("Version"),
    )
    rows = tuple(
        (
            each.task_id,
            each.kind.value,
            each.reason,
            each.label,
            each.predicted_label,
            each.predicted_score,
            each.score,
            person_name(each.annotator, names),
            short_version(each.version),
        )
        for each in report.errors
    )
    return Chart(
        key="label-errors-list",
        title="Suspected errors, the most suspect first",
        note="Trust is 0 for a label that is surely wrong, and 1 for one that seems right.",
        table=Table(columns, rows, links_by_row([each.task_id for each in report.errors], links.task)),
        traces=(),
        layout={},
        empty=_empty(report, project_id),
    )


def _empty(report: LabelErrorReport, project_id: int) -> str:
    if report.tasks:
        return f"None of {report.objects} labels on {report.tasks} tasks looks wrong. Nothing to do."
    return (
        "No reviewed task could be looked at. A model must have predicted it before it learnt from it: "
        f"pre-label tasks before people label them, with python -m backend prelabel --project {project_id}"
    )
