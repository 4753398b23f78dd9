"""The versions that were trained: all of them in a list, and one class by class."""

from collections.abc import Sequence

from backend.dashboard.charts.columns import difference_cells, links_by_row, with_interval
from backend.dashboard.charts.layouts import difference_axis, in_rows, share_axis
from backend.dashboard.charts.names import short_version
from backend.dashboard.charts.traces import bars, dots, first_rows
from backend.dashboard.charts.untrained import no_versions_words
from backend.dashboard.entities import Cell, Chart, Column, Links, Section, Table
from backend.dashboard.verdicts import state_badge, verdict_words
from backend.registry.entities import ListedVersion
from backend.training.entities import ClassScore, ModelScore

_MOST_CLASSES = 30
_FIGURES = ("mAP50-95", "mAP50", "Precision", "Recall", "F1")


def versions_section(
    versions: Sequence[ListedVersion], project_id: int, links: Links, decision: str = ""
) -> Section:
    """Return the versions of a project, as they come; `decision` says why no run is due."""
    columns = (
        Column("Version"),
        Column("State"),
        Column("Images"),
        *(Column(name, digits=3) for name in _FIGURES),
        Column("From"),
        Column("Made"),
        Column("Verdict"),
        Column("Why"),
        Column("Weights"),
    )
    names = [each.trained.version for each in versions]
    chart = Chart(
        key="versions-list",
        title="Trained versions",
        note="The newest first. Figures are on the test images.",
        table=Table(columns, tuple(map(_row, versions)), links_by_row(names, links.version)),
        traces=(),
        layout={},
        empty=no_versions_words(project_id, decision),
    )
    intro = "Every model that was trained for this project, with what was decided of it and why."
    return Section("versions", "Versions", intro, (chart,))


def version_charts(listed: ListedVersion) -> tuple[Chart, ...]:
    """Return the charts of one version: as a whole and by class, against the model that was in service."""
    return (_whole(listed), _classes(listed), _class_differences(listed))


def _row(listed: ListedVersion) -> tuple[Cell, ...]:
    trained = listed.trained
    return (
        short_version(trained.version),
        state_badge(trained.state)[0],
        listed.images,
        *_figures(trained.comparison.challenger),
        short_version(trained.parent) if trained.parent else None,
        trained.created_at,
        verdict_words(listed.verdict),
        " ".join(listed.verdict_reasons),
        "kept" if trained.artifact else "deleted",
    )


def _figures(score: ModelScore | ClassScore) -> tuple[float | None, ...]:
    return score.map50_95, score.map50, score.precision, score.recall, score.f1


def _whole(listed: ListedVersion) -> Chart:
    compared = listed.trained.comparison
    new, old = _names(listed)
    before = _figures(compared.champion) if compared.champion else (None,) * len(_FIGURES)
    rows = tuple(zip(_FIGURES, _figures(compared.challenger), before, strict=True))
    table = Table((Column("Figure"), Column(new, digits=3), Column(old, digits=3)), rows)
    drawn = first_rows(table, len(rows))
    sides = (new, old) if compared.champion else (new,)
    gain = compared.difference
    said = (
        f" mAP50-95 differs by {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})."
        if gain
        else " There was no model to compare with."
    )
    return Chart(
        key="version-whole",
        title="On the test images",
        note=f"{compared.images} images with {compared.objects} objects, kept out of training.{said}",
        table=table,
        traces=tuple(bars(drawn, "Figure", name, place=i, lying=True) for i, name in enumerate(sides)),
        layout=in_rows(len(rows) * 2, share_axis("Figure, 0 to 1"), barmode="group"),
        empty="This version was not measured.",
    )


def _classes(listed: ListedVersion) -> Chart:
    compared = listed.trained.comparison
    new, old = _names(listed)
    champion = {each.label: each for each in compared.champion.classes} if compared.champion else {}
    classes = sorted(compared.challenger.classes, key=lambda each: (-each.objects, each.label))
    rows = tuple(
        (
            each.label,
            each.objects,
            *_figures(each),
            champion[each.label].map50_95 if each.label in champion else None,
            champion[each.label].f1 if each.label in champion else None,
        )
        for each in classes
    )
    columns = (
        Column("Class"),
        Column("Test objects"),
        *(Column(name, digits=3) for name in _FIGURES),
        Column(f"mAP50-95 of {old}", digits=3),
        Column(f"F1 of {old}", digits=3),
    )
    table = Table(columns, rows)
    drawn = first_rows(table, _MOST_CLASSES)
    traces = [bars(drawn, "Class", "mAP50-95", place=0, name=new, lying=True)]
    if compared.champion:
        traces.append(bars(drawn, "Class", f"mAP50-95 of {old}", place=1, name=old, lying=True))
    return Chart(
        key="version-classes",
        title="mAP50-95 by class",
        note="The class with the most test objects first; of few objects little can be said.",
        table=table,
        traces=tuple(traces) if rows else (),
        layout=in_rows(len(drawn.rows) * 2, share_axis("mAP50-95, 0 to 1"), barmode="group"),
        empty="No class has an object on the test images.",
    )


def _class_differences(listed: ListedVersion) -> Chart:
    found = sorted(listed.trained.comparison.class_differences.items(), key=lambda item: item[1].value)
    table = Table(
        (Column("Class"), *with_interval("Gain", digits=3)),
        tuple((label, *difference_cells(difference)) for label, difference in found),
    )
    drawn = first_rows(table, _MOST_CLASSES)
    return Chart(
        key="version-gains",
        title="Gain by class",
        note="mAP50-95 less that of the model that was in service, the greatest loss first.",
        table=table,
        traces=(dots(drawn, "Class", "Gain", place=0),) if found else (),
        layout=in_rows(len(drawn.rows), difference_axis("Gain in mAP50-95")),
        empty="No model was in service to compare with, or none of its classes has test objects.",
    )


def _names(listed: ListedVersion) -> tuple[str, str]:
    """Return what both models are called; never the same."""
    champion = listed.trained.comparison.champion
    new = short_version(listed.trained.version)
    old = short_version(champion.version) if champion else "the model in service"
    return new, old if old != new else f"{old}, in service"
