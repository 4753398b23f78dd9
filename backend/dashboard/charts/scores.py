"""How trained versions do on the test split, which none was trained on."""

from collections.abc import Sequence

from backend.dashboard.charts.columns import difference_cells, links_by_row, with_interval
from backend.dashboard.charts.layouts import over_versions, share_axis
from backend.dashboard.charts.names import short_version
from backend.dashboard.charts.traces import MOST_VERSIONS, drawn_words, line, newest_last
from backend.dashboard.charts.untrained import no_versions_words
from backend.dashboard.entities import Cell, Chart, Column, Links, Table
from backend.dashboard.verdicts import verdict_words
from backend.registry.entities import ListedVersion

_MEASURES = ("mAP50-95", "mAP50", "F1")


def scores_chart(
    versions: Sequence[ListedVersion], project_id: int, links: Links, decision: str = ""
) -> Chart:
    """Return mAP and F1 of each version with the gate's verdict.

    Versions are the newest first; `decision` says why no run is due.
    """
    columns = (
        Column("Version"),
        Column("Images"),
        Column("Test images"),
        *(Column(name, digits=3) for name in _MEASURES),
        *with_interval("Gain", digits=3),
        Column("Verdict"),
    )
    names = [each.trained.version for each in versions]
    table = Table(columns, tuple(map(_cells, versions)), links_by_row(names, links.version))
    drawn = newest_last(table, MOST_VERSIONS)
    return Chart(
        key="quality-test",
        title="Trained versions on the test images",
        note="How each version does on images that are kept out of training. The gain is in mAP50-95, over "
        "the version that was in service." + drawn_words(versions, MOST_VERSIONS, "versions"),
        table=table,
        traces=tuple(line(drawn, "Version", name, place=i) for i, name in enumerate(_MEASURES))
        if versions
        else (),
        layout=over_versions(share_axis("Figure, 0 to 1")),
        empty=no_versions_words(project_id, decision),
    )


def _cells(listed: ListedVersion) -> tuple[Cell, ...]:
    compared = listed.trained.comparison
    score = compared.challenger
    return (
        short_version(listed.trained.version),
        listed.images,
        compared.images,
        score.map50_95,
        score.map50,
        score.f1,
        *difference_cells(compared.difference),
        verdict_words(listed.verdict),
    )
