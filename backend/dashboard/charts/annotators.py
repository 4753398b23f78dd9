"""How each annotator works, and what that makes of the figures."""

from collections.abc import Mapping, Sequence

from backend.dashboard.charts.agreement_pairs import partners_chart
from backend.dashboard.charts.columns import cells_of, links_by_row, with_interval
from backend.dashboard.charts.layouts import (
    in_rows,
    number_axis,
    over_weeks,
    percent_axis,
    share_axis,
    spread,
)
from backend.dashboard.charts.names import person_name
from backend.dashboard.charts.traces import Drawn, bars, dots, first_rows, line, newest_last
from backend.dashboard.entities import Cell, Chart, Column, Links, Section, Table
from backend.stats.agreement import AgreementReport
from backend.stats.annotator_figures import AnnotatorFigures, AnnotatorWeek

# More people drawn in one chart could not be told apart; these are the ones with the most annotations.
_MOST_LINES = 8
_MOST_ROWS = 20
_MOST_WEEKS = 52

_UNTOUCHED = "Left as shown"
_SEEN, _BLIND = "Recall where seen", "Recall where blind"
_SECONDS = "Time per task"
_EMPTY = (
    "Nobody has submitted an annotation yet. Those that the server missed are fetched by: "
    "python -m backend sync --project {}"
)


def annotators_section(
    annotators: Sequence[AnnotatorFigures], names: Mapping[int, str], project_id: int, links: Links
) -> Section:
    """Return how a project's annotators work; `names` are by id."""
    intro = (
        "How long people take and how often they leave what the model shows as it is. Who leaves nearly all "
        "of it, while blind tasks show that the model misses much, probably accepts without looking."
    )
    busiest = sorted(annotators, key=lambda each: -each.annotations)
    empty = _EMPTY.format(project_id)
    charts = (
        _overview(busiest, names, links, empty),
        _weekly(busiest, names, empty, is_time=True),
        _weekly(busiest, names, empty, is_time=False),
    )
    return Section("annotators", "Annotators", intro, charts)


def annotator_charts(
    figures: AnnotatorFigures,
    agreement: AgreementReport,
    name: str,
    *,
    names: Mapping[int, str] | None = None,
) -> tuple[Chart, ...]:
    """Return the charts of one annotator: the model by their labels, their weeks, and the others.

    Args:
        figures: Theirs.
        agreement: Of the project.
        name: What they are called.
        names: What everybody is called, by id.
    """
    return (
        _model_by(figures, name),
        *_weeks_of(figures, agreement.project_id),
        partners_chart(agreement, figures.annotator, names or {}),
    )


def _overview(
    annotators: Sequence[AnnotatorFigures], names: Mapping[int, str], links: Links, empty: str
) -> Chart:
    columns = (
        Column("Annotator"),
        Column("Annotations"),
        Column("Tasks"),
        Column("Skipped"),
        *with_interval(_SECONDS, unit="s", digits=0),
        Column("Shown something"),
        *with_interval(_UNTOUCHED, unit="%", digits=0),
        *with_interval(_SEEN, unit="%", digits=0),
        *with_interval(_BLIND, unit="%", digits=0),
        Column("Warning"),
    )
    rows = tuple(_overview_cells(each, names) for each in annotators)
    table = Table(columns, rows, links_by_row([each.annotator for each in annotators], links.annotator))
    drawn = first_rows(table, _MOST_ROWS)
    warnings = [
        f"{person_name(each.annotator, names)}: {each.warning}" for each in annotators if each.warning
    ]
    traces = (dots(drawn, "Annotator", name, place=i) for i, name in enumerate((_UNTOUCHED, _SEEN, _BLIND)))
    return Chart(
        key="annotators-overview",
        title="Who looks, and who accepts?",
        note=" ".join(
            (
                "Of 100 tasks, how many were submitted as shown; and of 100 objects that the person marked, "
                "how many the model had found, where its boxes were seen and where not; tasks in which it "
                "finds nothing are left out.",
                *warnings,
            )
        ),
        table=table,
        traces=tuple(traces) if rows else (),
        layout=spread(in_rows(len(drawn.rows), percent_axis())),
        empty=empty,
    )


def _overview_cells(each: AnnotatorFigures, names: Mapping[int, str]) -> tuple[Cell, ...]:
    return (
        person_name(each.annotator, names),
        each.annotations,
        each.tasks,
        each.skipped,
        *cells_of(each.seconds),
        each.shown,
        *cells_of(each.untouched, times=100),
        *cells_of(each.corrected.recall, times=100),
        *cells_of(each.blind.recall, times=100),
        each.warning,
    )


def _weekly(
    annotators: Sequence[AnnotatorFigures], names: Mapping[int, str], empty: str, *, is_time: bool
) -> Chart:
    """Return time per task, or what was left as shown, by week with a line for each annotator."""
    figure = Column(_SECONDS, "s", 0) if is_time else Column(_UNTOUCHED, "%", 0)
    rows = tuple(
        (person_name(each.annotator, names), week.week, week.annotations, _figure(week, is_time=is_time))
        for each in annotators
        for week in each.weeks[-_MOST_WEEKS:]
    )
    table = Table((Column("Annotator"), Column("Week from"), Column("Annotations"), figure), rows)
    everyone = Drawn(table, rows)
    lines = (
        line(everyone.where("Annotator", name), "Week from", figure.name, place=place, name=name)
        for place, name in enumerate(
            person_name(each.annotator, names) for each in annotators[:_MOST_LINES] if each.weeks
        )
    )
    axis = number_axis("Seconds") if is_time else percent_axis()
    return Chart(
        key="annotators-time" if is_time else "annotators-untouched",
        title="Time per task, by week" if is_time else "Left as shown, by week",
        note=(
            "The median of each person's tasks; long pauses count as far as IDLE_MINUTES allows."
            if is_time
            else "Of 100 tasks that showed something, how many each person submitted without a change."
        )
        + (
            f" The {_MOST_LINES} with the most annotations are drawn."
            if len(annotators) > _MOST_LINES
            else ""
        ),
        table=table,
        traces=tuple(lines),
        layout=over_weeks(axis, [week.week for each in annotators for week in each.weeks[-_MOST_WEEKS:]]),
        empty=empty,
    )


def _figure(week: AnnotatorWeek, *, is_time: bool) -> float | None:
    if is_time:
        return week.seconds
    return None if week.untouched is None else 100 * week.untouched


def _model_by(figures: AnnotatorFigures, name: str) -> Chart:
    sides = (("corrected tasks", figures.corrected), ("blind tasks", figures.blind))
    known = [(side, each) for side, each in sides if each.annotations]
    rows = tuple(
        (f"{measure}, {side}", each.tasks, *cells_of(estimate))
        for measure, read in (("Precision", "precision"), ("Recall", "recall"), ("F1", "f1"))
        for side, each in known
        for estimate in (getattr(each, read),)
    )
    table = Table((Column("Figure"), Column("Tasks"), *with_interval("Share")), rows)
    return Chart(
        key="annotator-model",
        title=f"The model, by the labels of {name}",
        note="In tasks where the model finds something. Where corrected ones are far above blind ones, this "
        "person leans on what is shown.",
        table=table,
        traces=(dots(first_rows(table, len(rows)), "Figure", "Share", place=0),) if rows else (),
        layout=in_rows(len(rows), share_axis("Share, 0 to 1")),
        empty="In nothing that this person submitted has the model found anything.",
    )


def _weeks_of(figures: AnnotatorFigures, project_id: int) -> tuple[Chart, ...]:
    columns = (
        Column("Week from"),
        Column("Annotations"),
        Column(_SECONDS, "s", 0),
        Column(_UNTOUCHED, "%", 0),
    )
    rows = tuple(
        (week.week, week.annotations, week.seconds, _figure(week, is_time=False))
        for week in figures.weeks[::-1]
    )
    table = Table(columns, rows)
    drawn = newest_last(table, _MOST_WEEKS)
    shown = (
        (
            "annotator-annotations",
            "Annotations by week",
            "How many were submitted and not skipped.",
            number_axis("Annotations"),
            bars(drawn, "Week from", "Annotations", place=0),
        ),
        (
            "annotator-time",
            "Time per task, by week",
            "The median; long pauses count as far as IDLE_MINUTES allows.",
            number_axis("Seconds"),
            line(drawn, "Week from", _SECONDS, place=0),
        ),
        (
            "annotator-untouched",
            "Left as shown, by week",
            "Of 100 tasks that showed something, how many were submitted without a change.",
            percent_axis(),
            line(drawn, "Week from", _UNTOUCHED, place=0),
        ),
    )
    empty, weeks = _EMPTY.format(project_id), [week.week for week in figures.weeks]
    return tuple(
        Chart(key, title, note, table, (trace,) if rows else (), over_weeks(axis, weeks), empty)
        for key, title, note, axis, trace in shown
    )
