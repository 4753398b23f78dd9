"""How far the tasks of a project are on their way into a model."""

from collections.abc import Mapping

from backend.dashboard.charts.layouts import count_axis, in_rows, stacked
from backend.dashboard.charts.traces import Drawn, bars
from backend.dashboard.entities import Chart, Column, Section, Table
from backend.review.entities import ReviewState

_WORDS = {
    ReviewState.NOT_VIEWED: "Waiting",
    ReviewState.VIEWED: "Reviewed",
    ReviewState.TAKEN_IN_TRAINING: "Trained on",
}


def reviews_section(states: Mapping[ReviewState, int], project_id: int) -> Section:
    """Return how many tasks are in each state."""
    total = sum(states.values())
    rows = tuple(
        (words, states.get(state, 0), 100 * states.get(state, 0) / total)
        for state, words in _WORDS.items()
        if total
    )
    table = Table((Column("State"), Column("Tasks"), Column("Share", "%", 1)), rows)
    # One bar of three parts: each is a trace of its own, all on one row.
    parts = [Drawn(table, (row,)) for row in rows]
    traces = [
        {**bars(part, "State", "Tasks", place=place, name=str(part.rows[0][0]), lying=True), "y": ["Tasks"]}
        for place, part in enumerate(parts)
    ]
    chart = Chart(
        key="review-states",
        title="Tasks by state",
        note="How many wait for somebody, how many are reviewed, and of how many a model has learnt.",
        table=table,
        traces=tuple(traces),
        layout=stacked(in_rows(1, count_axis("Tasks", total))),
        empty="This project has no tasks that the server knows of. Import images into it, then: "
        f"python -m backend sync --project {project_id}",
    )
    intro = "A task waits until somebody has submitted it; an edit after training makes it reviewed again."
    return Section("reviews", "Tasks and their review", intro, (chart,))
