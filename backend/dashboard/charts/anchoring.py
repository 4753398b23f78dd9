"""Whether annotators lean on what they are shown: corrected tasks against blind ones."""

from collections.abc import Container, Sequence

from backend.dashboard.charts.columns import cells_of, links_by_row, with_interval, words_of
from backend.dashboard.charts.layouts import difference_axis, over_versions, spread
from backend.dashboard.charts.names import short_version
from backend.dashboard.charts.traces import MOST_VERSIONS, drawn_words, line, newest_last
from backend.dashboard.entities import Chart, Column, Links, Table
from backend.stats.intervals import Estimate
from backend.stats.quality import VersionQuality

NO_BLIND_TASKS = (
    "No blind task has been labelled yet. One task in twenty is shown without what the model found, unless "
    "the setting BLIND_FRACTION says otherwise: see that it is not 0, and go on labelling."
)
_RATES = ("Precision", "Recall", "F1")


def anchoring_chart(versions: Sequence[VersionQuality], trained: Container[str], links: Links) -> Chart:
    """Return the rates on corrected tasks minus those on blind ones.

    Args:
        versions: The newest first.
        trained: Names of those that a run made, which have a page.
        links: Where rows lead to.
    """
    known = [(each.version, each.anchoring) for each in versions if each.anchoring is not None]
    columns = (Column("Version"), *(each for name in _RATES for each in with_interval(name)))
    cells = tuple(
        (short_version(name), *cells_of(gap.precision), *cells_of(gap.recall), *cells_of(gap.f1))
        for name, gap in known
    )
    table = Table(
        columns, cells, links_by_row([name if name in trained else None for name, _ in known], links.version)
    )
    drawn = newest_last(table, MOST_VERSIONS)
    lines = (line(drawn, "Version", name, place=i, interval=True) for i, name in enumerate(_RATES))
    first = f"{short_version(known[0][0])}: {_words(known[0][1].f1)}" if known else "Above 0 they do."
    return Chart(
        key="anchoring",
        title="Do annotators lean on what they are shown?",
        note="Figures of corrected tasks minus those of blind ones. "
        + first
        + drawn_words(known, MOST_VERSIONS, "versions"),
        table=table,
        traces=tuple(lines) if known else (),
        layout=spread(over_versions(difference_axis("Corrected minus blind"))),
        empty=NO_BLIND_TASKS,
    )


def _words(f1: Estimate | None) -> str:
    if f1 is None:
        return "too little has been labelled to tell."
    if f1.low > 0:
        return f"F1 is {words_of(f1)} higher where the boxes were seen, so judge the model by blind tasks."
    if f1.high < 0:
        return f"F1 differs by {words_of(f1)}, so nobody leans on what is shown."
    return f"F1 differs by {words_of(f1)}, which may be chance."
