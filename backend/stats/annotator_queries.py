"""Read how each annotator works: times from the annotations, all else from sums that the database makes."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.stats.annotator_figures import AnnotatorFigures, AnnotatorWork, WorkedWeek, assess_annotators
from backend.stats.quality import Figures, Sums, figures_of
from backend.stats.tally_columns import ALL_LABELS, HAS_PREDICTED, IS_UNTOUCHED, SUMS, count_if
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation, SqlTally
from backend.store.reviews import check_project

# Rows that are in memory at once, however many annotations there are.
_AT_ONCE = 10_000


def read_annotators(
    database: Database, project_id: int, *, idle_minutes: float
) -> tuple[AnnotatorFigures, ...]:
    """Return the annotators of a project by id.

    Args:
        database: Where the ledger is.
        project_id: Label Studio's.
        idle_minutes: A longer time for one task counts as so long.

    Raises:
        NotFound: there is no such project.
    """
    check_project(database, project_id)
    with database.read() as session:
        submitted = _read_submitted(session, project_id)
        figures = _read_figures(session, project_id)
        habits = _read_habits(session, project_id)
    known = (_work(person, each, figures, habits[person]) for person, each in submitted.items())
    return assess_annotators(known, idle_seconds=60.0 * idle_minutes)


@dataclass(slots=True)
class _Submitted:
    """What one annotator submitted, as it is added up; `times` by week, counted from that of the day 1.

    A time is None where Label Studio names none.
    """

    tasks: set[int | None] = field(default_factory=set)
    skipped: int = 0
    times: defaultdict[int, list[float | None]] = field(default_factory=lambda: defaultdict(list))


# By annotator and whether the tasks are blind; by week, how many annotations had something shown, and how
# many of them are as it was shown.
_Figures = dict[tuple[int | None, bool], Figures]
_Habits = dict[date, tuple[int, int]]


def _read_submitted(session: Session, project_id: int) -> dict[int | None, _Submitted]:
    query = select(
        SqlAnnotation.annotator,
        SqlAnnotation.task_id,
        SqlAnnotation.created_at,
        SqlAnnotation.lead_time,
        SqlAnnotation.is_cancelled,
    ).where(
        SqlAnnotation.project_id == project_id,
        SqlAnnotation.task_id.is_not(None),
        SqlAnnotation.deleted_at.is_(None),
    )
    found: defaultdict[int | None, _Submitted] = defaultdict(_Submitted)
    for person, task_id, created_at, seconds, is_skipped in session.execute(
        query, execution_options={"yield_per": _AT_ONCE}
    ):
        each = found[person]
        if is_skipped:
            each.skipped += 1
            continue
        each.tasks.add(task_id)
        # Day 1 was a Monday; numbers are made quicker than dates.
        week = (created_at.toordinal() - 1) // 7
        each.times[week].append(seconds)
    return found


def _read_figures(session: Session, project_id: int) -> _Figures:
    """Return the model's figures of tasks in which it finds anything; any other is as good as blind."""
    keys = (SqlTally.annotator, SqlTally.is_blind)
    tasks = func.count(SqlTally.task_id.distinct())
    query = select(*keys, tasks, *SUMS).group_by(*keys)
    query = query.where(SqlTally.project_id == project_id, SqlTally.label == ALL_LABELS, HAS_PREDICTED)
    return {
        (person, is_blind): figures_of(Sums(*sums), tasks=count)
        for person, is_blind, count, *sums in session.execute(query)
    }


def _read_habits(session: Session, project_id: int) -> defaultdict[int | None, _Habits]:
    """Return what was done where the annotator saw the prediction."""
    keys = (SqlTally.annotator, SqlTally.week)
    query = select(*keys, count_if(HAS_PREDICTED), count_if(IS_UNTOUCHED)).group_by(*keys)
    query = query.where(
        SqlTally.project_id == project_id, SqlTally.label == ALL_LABELS, SqlTally.is_blind.is_(False)
    )
    habits: defaultdict[int | None, _Habits] = defaultdict(dict)
    for person, week, shown, untouched in session.execute(query):
        habits[person][week] = (shown, untouched)
    return habits


def _work(person: int | None, submitted: _Submitted, figures: _Figures, habits: _Habits) -> AnnotatorWork:
    nothing = figures_of(Sums(), tasks=0)
    return AnnotatorWork(
        annotator=person,
        tasks=len(submitted.tasks),
        skipped=submitted.skipped,
        corrected=figures.get((person, False), nothing),
        blind=figures.get((person, True), nothing),
        weeks=list(_weeks(submitted, habits)),
    )


def _weeks(submitted: _Submitted, habits: _Habits) -> Iterator[WorkedWeek]:
    for number, times in submitted.times.items():
        week = date.fromordinal(7 * number + 1)
        shown, untouched = habits.get(week, (0, 0))
        # Annotations that came through the API may say 0, and took nobody's time.
        known = [seconds for seconds in times if seconds is not None and seconds > 0]
        yield WorkedWeek(week, len(times), known, shown, untouched)
