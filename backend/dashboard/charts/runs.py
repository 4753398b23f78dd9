"""Training runs: all of a project in a list, and the curves of one."""

from collections.abc import Sequence

from backend.dashboard.charts.columns import links_by_row
from backend.dashboard.charts.layouts import number_axis, over_numbers, share_axis
from backend.dashboard.charts.names import short_version
from backend.dashboard.charts.traces import first_rows, line
from backend.dashboard.charts.untrained import no_runs_words
from backend.dashboard.entities import Cell, Chart, Column, Links, Section, Table
from backend.dashboard.verdicts import verdict_words
from backend.training.entities import EpochMetrics, TrainingRun
from backend.training.progress import split_metrics, state_words

_SIDES = {"train": "training", "val": "validation"}


def runs_section(runs: Sequence[TrainingRun], project_id: int, links: Links, decision: str = "") -> Section:
    """Return the runs of a project, as they come; `decision` says why none is due."""
    columns = (
        Column("Run"),
        Column("State"),
        Column("Began"),
        Column("Why"),
        Column("Epochs"),
        Column("of at most"),
        Column("Minutes", digits=1),
        Column("Version"),
        Column("Verdict"),
        Column("Why this verdict"),
    )
    chart = Chart(
        key="runs-list",
        title="All runs",
        note="The newest first, with what was decided of each new version, and why.",
        table=Table(columns, tuple(map(_row, runs)), links_by_row([run.id for run in runs], links.run)),
        traces=(),
        layout={},
        empty=no_runs_words(project_id, decision),
    )
    intro = "Each time that the model was trained anew: why, for how long, and what came of it."
    return Section("runs", "Training runs", intro, (chart,))


def run_charts(run: TrainingRun, epochs: Sequence[EpochMetrics]) -> tuple[Chart, ...]:
    """Return the curves of one run: losses, and quality on the val split, by epoch."""
    split = [(each.epoch, *split_metrics(each)) for each in epochs]
    losses = [
        (epoch, {_loss_words(name): value for name, value in found.items()}) for epoch, found, _ in split
    ]
    quality = [(epoch, found) for epoch, _, found in split]
    empty = "No epoch has been finished yet."
    if run.finished_at is not None:
        empty = "This run ended before an epoch was finished."
    return (
        _curves(
            "run-losses",
            "Losses",
            "What training makes smaller. Where that of validation rises again, the model learns by heart.",
            losses,
            empty,
            is_share=False,
        ),
        _curves(
            "run-quality",
            "Quality on the validation images",
            "After each epoch, on images that are not trained on; the best epoch is kept.",
            quality,
            empty,
            is_share=True,
        ),
    )


def _row(run: TrainingRun) -> tuple[Cell, ...]:
    reasons = run.verdict_reasons or ((run.error,) if run.error else ())
    return (
        run.id,
        state_words(run),
        run.created_at,
        run.reason,
        run.epoch,
        run.epochs,
        run.seconds / 60,
        short_version(run.version) if run.version else None,
        verdict_words(run.verdict),
        " ".join(reasons),
    )


def _loss_words(name: str) -> str:
    """Return "box loss, training" for "train/box_loss"."""
    side, _, loss = name.partition("/")
    return f"{loss.replace('_', ' ')}, {_SIDES.get(side, side)}"


def _curves(
    key: str,
    title: str,
    note: str,
    values: Sequence[tuple[int, dict[str, float]]],
    empty: str,
    *,
    is_share: bool,
) -> Chart:
    names = list(dict.fromkeys(name for _, found in values for name in found))
    rows = tuple((epoch, *(found.get(name) for name in names)) for epoch, found in values)
    table = Table((Column("Epoch"), *(Column(name, digits=4) for name in names)), rows)
    drawn = first_rows(table, len(rows))
    axis = share_axis("Figure, 0 to 1") if is_share else number_axis("Loss")
    return Chart(
        key=key,
        title=title,
        note=note,
        table=table,
        traces=tuple(line(drawn, "Epoch", name, place=place) for place, name in enumerate(names)),
        layout=over_numbers("Epoch", axis),
        empty=empty,
    )
