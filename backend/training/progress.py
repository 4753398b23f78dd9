"""How far a run is, and when it will be through, for routes and terminals. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from backend.training.entities import EpochMetrics, Phase, RunState, TrainingRun

_PHASES = {
    Phase.SNAPSHOT: "collecting examples",
    Phase.TRAIN: "training",
    Phase.EVALUATE: "comparing models",
    Phase.PROMOTE: "putting into service",
}
_TIMES = ("created_at", "started_at", "finished_at", "retry_at")
_SAME = (
    "id phase reason epoch epochs batch attempts device base snapshot error version verdict is_cancel_asked"
).split()
_WORDS_OF_LOSSES = 3


def progress_of(run: TrainingRun) -> float:
    """Return how far training is, in [0, 1]: epochs finished of those planned, all once it has ended."""
    if run.phase in (Phase.EVALUATE, Phase.PROMOTE):
        return 1.0
    return min(1.0, run.epoch / run.epochs)


def eta_seconds(run: TrainingRun) -> float | None:
    """Return the seconds that training will still take at most, by the mean of its epochs so far.

    None where nothing is trained right now, or no epoch has been finished. Early stopping may end it sooner.
    """
    if run.state != RunState.RUNNING or run.phase != Phase.TRAIN or not run.epoch:
        return None
    seconds = run.seconds / run.epoch * max(0, run.epochs - run.epoch)
    if run.settings.train_hours:
        seconds = min(seconds, max(0.0, run.settings.train_hours * 3600 - run.seconds))
    return seconds


def split_metrics(epoch: EpochMetrics) -> tuple[dict[str, float], dict[str, float]]:
    """Return an epoch's losses and its quality on the val split, apart.

    Losses keep ultralytics' names, such as "train/box_loss"; of the others "metrics/" and the letter that
    says which output they are of are left out where that is clear: "mAP50", "mAP50(M)" for masks.
    """
    losses = {name: value for name, value in epoch.metrics.items() if name.endswith("loss")}
    quality = {
        name.removeprefix("metrics/").removesuffix("(B)"): value
        for name, value in epoch.metrics.items()
        if name.startswith("metrics/")
    }
    return losses, quality


def run_to_json(run: TrainingRun, epochs: Sequence[EpochMetrics] | None, *, now: datetime) -> dict[str, Any]:
    """Return a run as its route shows it; times in ISO 8601, durations in seconds, shares in [0, 1].

    Args:
        run: As it stands.
        epochs: Its finished epochs in order; None leaves out what only one run's own page shows.
        now: The time.
    """
    shown = {name: getattr(run, name) for name in _SAME}
    shown["progress"] = progress_of(run)
    shown["elapsed_seconds"] = _elapsed(run, now)
    shown["eta_seconds"] = eta_seconds(run)
    for name in ("warnings", "notes", "verdict_reasons"):
        shown[name] = list(getattr(run, name))
    for name in _TIMES:
        time = getattr(run, name)
        shown[name] = time.isoformat() if time else None
    if epochs is not None:
        shown["finished_epochs"] = [_epoch_to_json(epoch) for epoch in epochs]
        shown["latest_epoch"] = next(iter(shown["finished_epochs"][-1:]), None)
        shown["settings"] = {
            name.upper(): value for name, value in run.settings.model_dump(mode="json").items()
        }
    identity = shown.pop("id")
    return {"id": identity, "project": run.project_id, "state": run.state, **shown}


def state_words(run: TrainingRun) -> str:
    """Return what the run is doing, in a word or two."""
    if run.finished_at is not None:
        return str(run.state)
    if run.is_cancel_asked:
        return "cancelling"
    return _PHASES[run.phase] if run.state == RunState.RUNNING else "queued"


def run_words(run: TrainingRun, latest: EpochMetrics | None) -> str:
    """Return how training goes, in one line: the last epoch's losses and mAP, and the time left.

    Args:
        run: As it stands.
        latest: Its last finished epoch.
    """
    parts: list[str] = []
    if run.state == RunState.QUEUED:
        parts.append("is tried again" if run.error else "waits for a worker")
    if latest is not None:
        losses, quality = split_metrics(latest)
        trained = [(name, value) for name, value in losses.items() if name.startswith("train/")]
        parts += [
            f"{name.removeprefix('train/').replace('_', ' ')} {value:.3g}"
            for name, value in trained[:_WORDS_OF_LOSSES]
        ]
        parts += _quality_words(quality)
    left = eta_seconds(run)
    if left:
        parts.append(f"about {duration_words(left)} left")
    return ", ".join(parts)


def duration_words(seconds: float) -> str:
    """Return a duration as clocks show it: minutes:seconds, or hours:minutes:seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _quality_words(quality: Mapping[str, float]) -> list[str]:
    # Of masks and key points first, as a model that finds those is judged by them.
    for name in ("mAP50-95(M)", "mAP50-95(P)", "mAP50-95", "accuracy_top1"):
        value = quality.get(name)
        if value is not None:
            return [f"{name} {value:.3f}"]
    return []


def _epoch_to_json(epoch: EpochMetrics) -> dict[str, Any]:
    losses, quality = split_metrics(epoch)
    return {"epoch": epoch.epoch, "seconds": epoch.seconds, "losses": losses, "metrics": quality}


def _elapsed(run: TrainingRun, now: datetime) -> float | None:
    if run.started_at is None:
        return None
    return max(0.0, ((run.finished_at or now) - run.started_at).total_seconds())
