"""Which models go into service: rule by rule."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter

from backend.training.entities import Comparison, Difference, GateDecision, ModelScore, Verdict
from backend.training_settings import TrainingSettings
from retrain.evaluation.bootstrap import bootstrap_differences
from retrain.evaluation.outcomes import Outcomes
from retrain.evaluation.scoring import score_model
from retrain.gate import decide
from tests.retrain.evaluation.made_outcomes import (
    LABELS,
    LOWEST,
    image_of,
    outcomes_of,
    perfect_image,
    random_image,
    random_outcomes,
)

SETTINGS = TrainingSettings()
BETTER = Difference(0.05, 0.01, 0.09)
LIKELY_BETTER = Difference(0.02, -0.01, 0.05)
SAME = Difference(0.0, 0.0, 0.0)
LIKELY_WORSE = Difference(-0.02, -0.05, 0.01)
WORSE = Difference(-0.05, -0.09, -0.01)


def score(version: str = "old-1", map50_95: float = 0.4, **changes: float) -> ModelScore:
    given = {"map50": 0.6, "latency_ms": 10.0, **changes}
    return ModelScore(
        version=version,
        map50_95=map50_95,
        precision=0.7,
        recall=0.6,
        f1=0.65,
        threshold=0.3,
        classes=(),
        **given,
    )


def compared(
    difference: Difference | None = BETTER, *, latency_ms: float = 10.0, **changes: object
) -> Comparison:
    value = difference.value if difference else 0.0
    given = {
        "images": 40,
        "objects": 120,
        "challenger": score("new-2", 0.4 + value, latency_ms=latency_ms),
        "champion": score(),
        "difference": difference,
        **changes,
    }
    return Comparison(**given)  # type: ignore[arg-type]


def first(map50: float, **changes: object) -> Comparison:
    return compared(None, challenger=score("new-1", map50=map50), champion=None, **changes)


def of_outcomes(challenger: Outcomes, champion: Outcomes) -> Comparison:
    """Compare two models by what they found."""
    new, old = (
        score_model(
            each, task="detect", labels=LABELS, version=name, threshold=0.5, lowest=LOWEST, latency_ms=10.0
        )
        for each, name in ((challenger, "new-2"), (champion, "old-1"))
    )
    found = bootstrap_differences(challenger, champion, task="detect", labels=LABELS, lowest=LOWEST, seed=1)
    images, objects = len(champion.objects), int(champion.objects.sum())
    return Comparison(images, objects, new, old, found.overall, found.classes, shown_difference=found.shown)


def only(decision: GateDecision) -> str:
    """Return the one reason."""
    (reason,) = decision.reasons
    return reason


def test_surely_better_model_is_promoted() -> None:
    decision = decide(compared(BETTER), SETTINGS)
    assert decision.verdict == Verdict.PROMOTE
    assert only(decision) == (
        "better overall: mAP50-95 0.450 after 0.400 (+0.050); its 95 % interval from +0.010 to +0.090 "
        "lies above 0"
    )


def test_likely_better_model_is_promoted_and_said_to_be_unsure() -> None:
    decision = decide(compared(LIKELY_BETTER), SETTINGS)
    assert decision.verdict == Verdict.PROMOTE and "likely and not sure" in only(decision)


def test_surely_worse_model_is_rejected() -> None:
    decision = decide(compared(WORSE), SETTINGS)
    assert decision.verdict == Verdict.REJECT
    assert only(decision).startswith("worse overall: mAP50-95 0.350 after 0.400 (-0.050)")


@pytest.mark.parametrize("difference", [SAME, LIKELY_WORSE, Difference(-0.02, -0.05, 0.0)])
def test_model_that_is_no_better_is_held(difference: Difference) -> None:
    decision = decide(compared(difference), SETTINGS)
    assert decision.verdict == Verdict.HOLD and only(decision).startswith("no better: mAP50-95 ")


def test_class_that_surely_lost_is_named_and_rejects_a_better_model() -> None:
    classes = {"car": BETTER, "person": Difference(-0.2, -0.3, -0.1), "dog": Difference(-0.06, -0.1, -0.01)}
    decision = decide(compared(BETTER, class_differences=classes), SETTINGS)
    assert decision.verdict == Verdict.REJECT
    assert decision.reasons[0] == (
        'class "person" lost 0.200 mAP50-95, more than 0.05 (GATE_CLASS_DROP); its 95 % interval from '
        "-0.300 to -0.100 lies below 0"
    )
    assert decision.reasons[1].startswith('class "dog" lost 0.060')
    assert decision.reasons[2].startswith("better overall")


def test_class_that_may_have_lost_is_named_and_decides_nothing() -> None:
    classes = {"person": Difference(-0.2, -0.5, 0.05)}
    decision = decide(compared(BETTER, class_differences=classes), SETTINGS)
    assert decision.verdict == Verdict.PROMOTE
    assert (
        decision.reasons[1].startswith('class "person" lost 0.200')
        and "decides nothing" in decision.reasons[1]
    )


def test_class_may_fall_by_as_much_as_the_setting_says() -> None:
    classes = {"person": Difference(-0.05, -0.06, -0.04)}
    assert decide(compared(class_differences=classes), SETTINGS).verdict == Verdict.PROMOTE
    strict = SETTINGS.model_copy(update={"gate_class_drop": 0.03})
    assert decide(compared(class_differences=classes), strict).verdict == Verdict.REJECT


@pytest.mark.parametrize(
    ("latency_ms", "verdict"),
    [pytest.param(15.0, Verdict.PROMOTE, id="at the limit"), pytest.param(15.2, Verdict.HOLD, id="above it")],
)
def test_slower_model_is_held(latency_ms: float, verdict: Verdict) -> None:
    decision = decide(compared(latency_ms=latency_ms), SETTINGS)
    assert decision.verdict == verdict
    if verdict == Verdict.HOLD:
        assert decision.reasons[0].startswith(
            "slower: 15.2 ms an image, 1.52 times the 10.0 ms of the model in service; at most 1.5 times"
        )


@pytest.mark.parametrize(
    ("overall", "shown", "verdict"),
    [
        pytest.param(BETTER, WORSE, Verdict.HOLD, id="surely worse as it is shown"),
        pytest.param(LIKELY_BETTER, WORSE, Verdict.HOLD, id="surely worse, and only likely better"),
        pytest.param(LIKELY_BETTER, LIKELY_WORSE, Verdict.HOLD, id="likely worse, and only likely better"),
        pytest.param(BETTER, LIKELY_WORSE, Verdict.PROMOTE, id="likely worse, but surely better"),
        pytest.param(LIKELY_BETTER, SAME, Verdict.PROMOTE, id="as good as it is shown"),
        pytest.param(LIKELY_BETTER, None, Verdict.PROMOTE, id="measured before it was looked at"),
        pytest.param(WORSE, WORSE, Verdict.REJECT, id="worse in every way"),
    ],
)
def test_model_that_shows_worse_regions_is_held(
    overall: Difference, shown: Difference | None, verdict: Verdict
) -> None:
    champion = replace(score(), shown_f1=0.5)
    challenger = replace(
        score("new-2", 0.4 + overall.value), shown_f1=0.5 + shown.value if shown else 0.5, threshold=0.18
    )
    found = compared(overall, challenger=challenger, champion=champion, shown_difference=shown)
    decision = decide(found, SETTINGS)
    assert decision.verdict == verdict
    if verdict == Verdict.HOLD:
        assert shown is not None
        change = f"F1 {0.5 + shown.value:.3f} after 0.500 ({shown.value:+.3f})"
        assert decision.reasons[0].startswith(f"worse as it is shown: {change} from the shown score on; ")
        assert decision.reasons[0].endswith("At its best, from a score of 0.18 on, its F1 is 0.650")
        assert ("lies below 0" in decision.reasons[0]) == (shown.high < 0)
        assert ("mAP50-95 is not surely better" in decision.reasons[0]) == (shown.high >= 0)


def test_model_that_finds_the_same_and_shows_less_of_it_is_held() -> None:
    rng = np.random.default_rng(8)
    images = [random_image(rng) for _ in range(40)]
    # In the same order, so with the same average precision; but of one image it finds all.
    faint = [replace(image, scores=image.scores / 4) for image in images]
    faint[0] = replace(
        perfect_image(images[0].objects.tolist()), scores=np.full(images[0].objects.sum(), 0.3)
    )
    decision = decide(of_outcomes(outcomes_of(faint), outcomes_of(images)), SETTINGS)
    assert decision.verdict == Verdict.HOLD
    assert [reason.split(":")[0] for reason in decision.reasons] == ["worse as it is shown", "better overall"]


def test_worse_model_is_rejected_however_slow() -> None:
    decision = decide(compared(WORSE, latency_ms=100.0), SETTINGS)
    assert decision.verdict == Verdict.REJECT
    assert [reason.split(":")[0] for reason in decision.reasons] == ["worse overall", "slower"]


@pytest.mark.parametrize("comparison", [compared(BETTER), compared(WORSE), first(0.9), first(0.1)])
def test_too_few_test_images_hold_whatever_else_is_found(comparison: Comparison) -> None:
    decision = decide(replace(comparison, images=9), SETTINGS)
    assert decision.verdict == Verdict.HOLD
    assert decision.reasons[0].startswith("too few test images: 9, at least 10 are needed (GATE_MIN_IMAGES)")
    assert len(decision.reasons) == 2


@pytest.mark.parametrize("champion", [None, score()])
def test_test_images_without_objects_hold(champion: ModelScore | None) -> None:
    decision = decide(compared(None, objects=0, champion=champion), SETTINGS)
    assert decision.verdict == Verdict.HOLD and "hold no labelled object" in decision.reasons[0]


@pytest.mark.parametrize(
    ("map50", "verdict", "words"),
    [
        pytest.param(0.3, Verdict.PROMOTE, "mAP50 0.300 reaches 0.3", id="reaches the least"),
        pytest.param(0.29, Verdict.REJECT, "mAP50 0.290 is below 0.3", id="is below it"),
    ],
)
def test_first_model_needs_a_least_quality(map50: float, verdict: Verdict, words: str) -> None:
    decision = decide(first(map50), SETTINGS)
    assert decision.verdict == verdict
    assert only(decision) == f"first model: {words} (GATE_MIN_MAP50)"


@pytest.mark.parametrize("comparison", [compared(BETTER), compared(WORSE), compared(SAME), first(0.9)])
def test_overfitting_is_named_and_decides_nothing(comparison: Comparison) -> None:
    decision = decide(replace(comparison, overfitting="overfitting: it is"), SETTINGS)
    without = decide(comparison, SETTINGS)
    assert decision == GateDecision(without.verdict, (*without.reasons, "overfitting: it is"))


def test_challenger_trained_on_shuffled_labels_is_rejected() -> None:
    champion = outcomes_of([perfect_image([2, 1, 1], skill=0.8)] * 30)
    things = [(0, 0.9), (0, 0.8), (1, 0.7), (2, 0.6)]
    # It finds the same things, and calls each by the next class's name.
    shuffled = image_of([((number + 1) % 3, sure, 0.0) for number, sure in things], [2, 1, 1])
    decision = decide(of_outcomes(outcomes_of([shuffled] * 30), champion), SETTINGS)
    assert decision.verdict == Verdict.REJECT
    assert [reason.split(":")[0].split(" lost")[0] for reason in decision.reasons] == [
        "worse overall",
        *(f'class "{label}"' for label in LABELS),
        "worse as it is shown",
    ]


def test_challenger_equal_to_the_champion_is_held() -> None:
    decision = decide(of_outcomes(random_outcomes(2), random_outcomes(2)), SETTINGS)
    assert decision.verdict == Verdict.HOLD
    assert only(decision).startswith("no better") and "(+0.000)" in only(decision)


def test_class_that_loses_is_named_by_what_was_found() -> None:
    champion = outcomes_of([perfect_image([3, 1, 3], skill=0.6)] * 30)
    # Better at cars and lights, and finds no person any more.
    image = image_of([(0, 0.9, 0.95)] * 3 + [(2, 0.9, 0.95)] * 3, [3, 1, 3])
    decision = decide(of_outcomes(outcomes_of([image] * 30), champion), SETTINGS)
    assert decision.verdict == Verdict.REJECT
    assert decision.reasons[0].startswith('class "person" lost') and decision.reasons[2].startswith("better")


def test_comparison_survives_being_stored_as_json() -> None:
    comparison = of_outcomes(random_outcomes(2), random_outcomes(2))
    kinds = TypeAdapter(Comparison)
    assert kinds.validate_json(kinds.dump_json(comparison)) == comparison
