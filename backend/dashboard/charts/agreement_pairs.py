"""Agreement of each pair: as a matrix of all, and in rows of one annotator."""

from collections.abc import Mapping, Sequence

from backend.dashboard.charts.columns import cells_of, with_interval
from backend.dashboard.charts.layouts import Layout, in_rows, share_axis, spread
from backend.dashboard.charts.names import rater_name
from backend.dashboard.charts.traces import Trace, dots, first_rows, plain
from backend.dashboard.entities import Chart, Column, Table
from backend.stats.agreement import AgreementReport, PairAgreement
from backend.stats.task_agreement import Rater, RaterKind, rank

# A larger matrix cannot be read.
_MOST_RATERS = 20
_MOST_PAIRS = 20


def matrix_chart(pairs: Sequence[PairAgreement], names: Mapping[int, str], empty: str) -> Chart:
    """Return F1 of each two raters, as a matrix."""
    raters = _most_active(pairs)
    return Chart(
        key="agreement-matrix",
        title="Agreement of each two",
        note="F1 of every two that labelled the same tasks. Model is what annotators were shown, blind model "
        "what they did not see: only that is an opinion of its own.",
        table=_table(pairs, names),
        traces=(_heatmap(pairs, raters, names),) if pairs else (),
        layout=_square(len(raters)),
        empty=empty,
    )


def partners_chart(report: AgreementReport, annotator: int | None, names: Mapping[int, str]) -> Chart:
    """Return one annotator's F1 with everybody else; `names` are by id."""
    own = Rater(RaterKind.ANNOTATOR, annotator)
    found = [each for each in report.pairs if own in (each.one, each.other)]
    columns = (Column("With"), *_COLUMNS)
    rows = tuple(
        (rater_name(each.other if each.one == own else each.one, names), *_cells(each)) for each in found
    )
    table = Table(columns, rows)
    drawn = first_rows(table, _MOST_PAIRS)
    return Chart(
        key="annotator-agreement",
        title="Agreement with the others",
        note="Whether they mark the same things with the same names: 1 always, 0 never.",
        table=table,
        traces=(dots(drawn, "With", "F1", place=0), dots(drawn, "With", "IoU", place=1)) if rows else (),
        layout=spread(in_rows(len(drawn.rows), share_axis("F1 and IoU, 0 to 1"))),
        empty="No task of theirs was labelled by others too. Let two people label a share of the tasks: "
        f"python -m backend overlap --project {report.project_id} --share 0.1 --annotators 2",
    )


_COLUMNS = (
    Column("Tasks"),
    Column("Regions"),
    *with_interval("F1"),
    *with_interval("IoU"),
)


def _cells(pair: PairAgreement) -> tuple[float | None, ...]:
    found = pair.agreement
    return (found.tasks, found.regions, *cells_of(found.f1), *cells_of(found.iou))


def _table(pairs: Sequence[PairAgreement], names: Mapping[int, str]) -> Table:
    rows = ((rater_name(each.one, names), rater_name(each.other, names), *_cells(each)) for each in pairs)
    return Table((Column("One"), Column("Other"), *_COLUMNS), tuple(rows))


def _most_active(pairs: Sequence[PairAgreement]) -> list[Rater]:
    """Return those with the most tasks in common with others, by rank."""
    tasks: dict[Rater, int] = {}
    for each in pairs:
        for rater in (each.one, each.other):
            tasks[rater] = tasks.get(rater, 0) + each.agreement.tasks
    active = sorted(tasks, key=lambda rater: (-tasks[rater], rank(rater)))
    return sorted(active[:_MOST_RATERS], key=rank)


def _heatmap(pairs: Sequence[PairAgreement], raters: Sequence[Rater], names: Mapping[int, str]) -> Trace:
    f1 = {frozenset((each.one, each.other)): each.agreement.f1 for each in pairs}
    found = [[f1.get(frozenset((one, other))) for other in raters] for one in raters]
    labels = [plain(rater_name(rater, names)) for rater in raters]
    return {
        "type": "heatmap",
        "name": "F1",
        "x": labels,
        "y": labels,
        "z": [[estimate.value if estimate else None for estimate in row] for row in found],
        "zmin": 0,
        "zmax": 1,
        "texttemplate": "%{z:.2f}",
        "hovertemplate": "%{y} and %{x}: F1 %{z:.2f}<extra></extra>",
        "hoverongaps": False,
        "xgap": 2,
        "ygap": 2,
    }


def _square(count: int) -> Layout:
    layout = in_rows(count, {"type": "category", "automargin": True, "tickangle": -30})
    return {**layout, "height": layout["height"] + 80}
