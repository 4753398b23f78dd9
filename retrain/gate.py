"""Whether a new model goes into service: the rules and their words. Pure.

`docs/gate.md` says them for people.
"""

from collections.abc import Iterator

from backend.training.entities import Comparison, Difference, GateDecision, ModelScore, Verdict
from backend.training_settings import TrainingSettings


def decide(comparison: Comparison, settings: TrainingSettings) -> GateDecision:
    """Return the verdict with every reason that applies, those that decide first.

    Too few test images hold a model whatever else is found, since nothing else is sure then. Otherwise
    one reason to reject is enough, then one to hold. Overfitting and an unsure fall of a class are named
    and decide nothing.

    Args:
        comparison: Challenger and champion on the test split.
        settings: Those of the run.
    """
    too_few = list(_too_few(comparison, settings))
    if comparison.champion is None:
        rejected, promoted = _first(comparison.challenger, settings)
        held: list[str] = []
    else:
        rejected = [*_worse(comparison), *_lost_classes(comparison, settings, is_sure=True)]
        held = [
            *_no_better(comparison),
            *_worse_as_shown(comparison),
            *_slower(comparison.challenger, comparison.champion, settings),
        ]
        promoted = list(_better(comparison))
    notes = list(_lost_classes(comparison, settings, is_sure=False))
    if comparison.overfitting:
        notes.append(comparison.overfitting)
    if too_few:
        verdict = Verdict.HOLD
    elif rejected:
        verdict = Verdict.REJECT
    else:
        verdict = Verdict.HOLD if held else Verdict.PROMOTE
    return GateDecision(verdict, (*too_few, *rejected, *held, *promoted, *notes))


def _too_few(comparison: Comparison, settings: TrainingSettings) -> Iterator[str]:
    if comparison.images < settings.gate_min_images:
        yield (
            f"too few test images: {comparison.images}, at least {settings.gate_min_images} are needed "
            "(GATE_MIN_IMAGES); review more tasks, or promote it by hand"
        )
    elif not comparison.objects:
        yield f"the {comparison.images} test images hold no labelled object, so nothing can be compared"


def _first(score: ModelScore, settings: TrainingSettings) -> tuple[list[str], list[str]]:
    """Return why the first model of a project is rejected, or else why it is promoted."""
    least = settings.gate_min_map50
    if score.map50 < least:
        return [f"first model: mAP50 {score.map50:.3f} is below {least:g} (GATE_MIN_MAP50)"], []
    return [], [f"first model: mAP50 {score.map50:.3f} reaches {least:g} (GATE_MIN_MAP50)"]


def _worse(comparison: Comparison) -> Iterator[str]:
    difference = comparison.difference
    if difference is not None and difference.high < 0:
        yield f"worse overall: {_change(comparison)}; {_interval(difference)} lies below 0"


def _no_better(comparison: Comparison) -> Iterator[str]:
    difference = comparison.difference
    if difference is not None and difference.value <= 0 <= difference.high:
        yield f"no better: {_change(comparison)}; {_interval(difference)} holds 0"


def _better(comparison: Comparison) -> Iterator[str]:
    difference = comparison.difference
    if difference is not None and difference.value > 0 and difference.high >= 0:
        sure = "lies above 0" if difference.low > 0 else "holds 0, so this is likely and not sure"
        yield f"better overall: {_change(comparison)}; {_interval(difference)} {sure}"


def _worse_as_shown(comparison: Comparison) -> Iterator[str]:
    """Hold a model that shows worse regions: surely, or where it is not surely better otherwise either."""
    difference, overall = comparison.shown_difference, comparison.difference
    if difference is None or overall is None or difference.value >= 0:
        return
    is_sure = difference.high < 0
    if is_sure or overall.low <= 0 < overall.value:
        words = "lies below 0" if is_sure else "reaches 0, and mAP50-95 is not surely better"
        challenger, champion = comparison.challenger, comparison.champion
        assert champion is not None and challenger.shown_f1 is not None and champion.shown_f1 is not None
        yield (
            f"worse as it is shown: F1 {challenger.shown_f1:.3f} after {champion.shown_f1:.3f} "
            f"({difference.value:+.3f}) from the shown score on; {_interval(difference)} {words}. At "
            f"its best, from a score of {challenger.threshold:.2f} on, its F1 is {challenger.f1:.3f}"
        )


def _lost_classes(comparison: Comparison, settings: TrainingSettings, *, is_sure: bool) -> Iterator[str]:
    """Name the classes that fell by more than the setting, surely or not."""
    for label, difference in comparison.class_differences.items():
        has_fallen = -difference.value > settings.gate_class_drop
        if has_fallen and (difference.high < 0) == is_sure:
            words = "lies below 0" if is_sure else "reaches 0, so this is not sure and decides nothing"
            yield (
                f'class "{label}" lost {-difference.value:.3f} mAP50-95, more than '
                f"{settings.gate_class_drop:g} (GATE_CLASS_DROP); {_interval(difference)} {words}"
            )


def _slower(challenger: ModelScore, champion: ModelScore, settings: TrainingSettings) -> Iterator[str]:
    most = settings.gate_max_latency_ratio
    if challenger.latency_ms > most * champion.latency_ms > 0:
        yield (
            f"slower: {challenger.latency_ms:.1f} ms an image, "
            f"{challenger.latency_ms / champion.latency_ms:.2f} times the {champion.latency_ms:.1f} ms of "
            f"the model in service; at most {most:g} times (GATE_MAX_LATENCY_RATIO)"
        )


def _change(comparison: Comparison) -> str:
    assert comparison.champion is not None and comparison.difference is not None
    new, old = comparison.challenger.map50_95, comparison.champion.map50_95
    return f"mAP50-95 {new:.3f} after {old:.3f} ({comparison.difference.value:+.3f})"


def _interval(difference: Difference) -> str:
    return f"its 95 % interval from {difference.low:+.3f} to {difference.high:+.3f}"
