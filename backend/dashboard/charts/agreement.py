"""How far annotators agree: with each other, with ground truth and with the model."""

from collections.abc import Mapping, Sequence

from backend.dashboard.charts.agreement_pairs import matrix_chart
from backend.dashboard.charts.columns import cells_of, links_by_row, with_interval, words_of, yes
from backend.dashboard.charts.layouts import difference_axis, in_rows, open_axis, spread
from backend.dashboard.charts.names import rater_name
from backend.dashboard.charts.traces import dots, first_rows
from backend.dashboard.entities import Cell, Chart, Column, Links, Section, Table
from backend.stats.agreement import AgreementReport, ChoiceAgreement, TaskAgreement
from backend.stats.agreement_figures import Agreement

_ALL_LABELS = "All labels"
_MOST_DRAWN = 20


def agreement_section(report: AgreementReport, names: Mapping[int, str], links: Links) -> Section:
    """Return the agreement of a project; `names` are those of its annotators by id."""
    overall = report.overall
    said = ""
    if overall.tasks:
        said = (
            f" Over all, F1 is {words_of(overall.f1)}, on {overall.tasks} tasks that several people labelled."
        )
    intro = (
        "Where people disagree, no model can be right. F1 says whether they mark the same things with the "
        f"same names: 1 always, 0 never. Regions are one thing from an IoU of {report.iou:g} on.{said}"
    )
    empty = (
        "No task was labelled by several people, so agreement is not known. Let two people label a share of "
        f"the tasks: python -m backend overlap --project {report.project_id} --share 0.1 --annotators 2"
    )
    charts = [
        _by_label(report, empty),
        matrix_chart(report.pairs, names, empty),
        _raters(report, names, empty),
        _tasks(report.tasks, names, links, empty),
    ]
    if report.choices:
        charts.insert(1, _choices(report.choices, names, empty))
    return Section("agreement", "Agreement between annotators", intro, tuple(charts))


def _by_label(report: AgreementReport, empty: str) -> Chart:
    labels = [(each.label, each.agreement) for each in report.labels]
    known = [(_ALL_LABELS, report.overall), *labels] if report.overall.tasks else []
    columns = (
        Column("Label"),
        Column("Tasks"),
        Column("Regions"),
        *with_interval("F1"),
        *with_interval("IoU"),
        *with_interval("Alpha"),
        *with_interval("Alpha of matched"),
    )
    table = Table(columns, tuple((name, *_cells(agreement)) for name, agreement in known))
    drawn = first_rows(table, _MOST_DRAWN + 1)
    traces = (dots(drawn, "Label", name, place=place) for place, name in enumerate(("F1", "IoU", "Alpha")))
    return Chart(
        key="agreement-labels",
        title="Agreement by label",
        note="F1: do they mark the same things? IoU: do the outlines fit? Alpha (Krippendorff): do they "
        "agree more than by chance, where 0.8 is good and less than 0.67 is not enough?",
        table=table,
        traces=tuple(traces) if known else (),
        layout=spread(in_rows(len(drawn.rows), open_axis("Agreement, at most 1"))),
        empty=empty,
    )


def _cells(agreement: Agreement) -> tuple[Cell, ...]:
    return (
        agreement.tasks,
        agreement.regions,
        *cells_of(agreement.f1),
        *cells_of(agreement.iou),
        *cells_of(agreement.alpha),
        *cells_of(agreement.alpha_matched),
    )


def _choices(choices: Sequence[ChoiceAgreement], names: Mapping[int, str], empty: str) -> Chart:
    rows: list[tuple[Cell, ...]] = []
    for each in choices:
        rows.append((f"{each.control}: all", each.tasks, None, *cells_of(None), *cells_of(each.alpha)))
        for pair in each.pairs:
            name = f"{each.control}: {rater_name(pair.one, names)} and {rater_name(pair.other, names)}"
            rows.append((name, pair.tasks, pair.equal, *cells_of(pair.kappa), *cells_of(None)))
    columns = (
        Column("Who"),
        Column("Tasks"),
        Column("The same"),
        *with_interval("Kappa"),
        *with_interval("Alpha"),
    )
    table = Table(columns, tuple(rows))
    drawn = first_rows(table, _MOST_DRAWN)
    return Chart(
        key="agreement-choices",
        title="Agreement on choices for the whole image",
        note="Kappa (Cohen) is of two people, alpha (Krippendorff) of all: 1 is full agreement, 0 what "
        "chance would give.",
        table=table,
        traces=tuple(dots(drawn, "Who", name, place=place) for place, name in enumerate(("Kappa", "Alpha"))),
        layout=spread(in_rows(len(drawn.rows), open_axis("Kappa, alpha"))),
        empty=empty,
    )


def _raters(report: AgreementReport, names: Mapping[int, str], empty: str) -> Chart:
    known = [each for each in report.raters if each.difference is not None]
    columns = (
        Column("Who"),
        Column("Tasks"),
        *with_interval("F1 with others"),
        *with_interval("F1 of others"),
        *with_interval("Difference"),
        Column("Unlike the others"),
    )
    rows = tuple(
        (
            rater_name(each.rater, names),
            each.tasks,
            *cells_of(each.f1),
            *cells_of(each.f1_of_others),
            *cells_of(each.difference),
            yes(each.is_unlike),
        )
        for each in known
    )
    table = Table(columns, rows)
    drawn = first_rows(table, _MOST_DRAWN)
    unlike = [rater_name(each.rater, names) for each in known if each.is_unlike]
    said = f" Unlike the others: {', '.join(unlike)}; look at some tasks together." if unlike else ""
    return Chart(
        key="agreement-raters",
        title="Who labels unlike the others?",
        note="A person's F1 with the others, less what the others have among themselves: clearly below 0 is "
        f"unlike.{said}",
        table=table,
        traces=(dots(drawn, "Who", "Difference", place=0),) if rows else (),
        layout=in_rows(len(drawn.rows), difference_axis("Difference of F1")),
        empty=empty
        if not report.raters
        else "With two people nobody can tell which of them is unlike the others. "
        "Let three people label a share of the tasks: "
        f"python -m backend overlap --project {report.project_id} --share 0.1 --annotators 3",
    )


def _tasks(tasks: Sequence[TaskAgreement], names: Mapping[int, str], links: Links, empty: str) -> Chart:
    shown = [each for each in tasks if each.agreement < 1]
    columns = (
        Column("Task"),
        Column("Agreement", "%", 0),
        Column("Things"),
        Column("Disputed"),
        Column("Between"),
    )
    rows = tuple(
        (
            each.task_id,
            100 * each.agreement,
            each.things,
            each.disputed,
            ", ".join(rater_name(rater, names) for rater in each.raters),
        )
        for each in shown
    )
    return Chart(
        key="agreement-tasks",
        title="Tasks with the least agreement",
        note="Look at these together first: they show where a rule is missing.",
        table=Table(columns, rows, links_by_row([each.task_id for each in shown], links.task)),
        traces=(),
        layout={},
        empty=empty if not tasks else "On every task that several people labelled they agree. Nothing to do.",
    )
