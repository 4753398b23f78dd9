"""Drift: silent while nothing changes, loud when something does, and modest where little is known."""

import numpy as np
import pytest

from backend.entities import ImageSize
from backend.stats.change import LEAST_IMAGES, Drift, Measure, Verdict
from backend.stats.drift import ImageFacts, assess_drift

MIX = {"person": 0.3, "car": 0.25, "bus": 0.2, "bicycle": 0.15, "dog": 0.1}


def double(label: str) -> dict[str, float]:
    """Return the mix in which this share is twice as great, at the cost of all others."""
    rest = (1 - 2 * MIX[label]) / (1 - MIX[label])
    return {name: share * (2 if name == label else rest) for name, share in MIX.items()}


DOUBLED = double("dog")
SIZES = [ImageSize(1920, 1080), ImageSize(1280, 720), ImageSize(640, 480)]


def draw_images(
    count: int,
    random: np.random.Generator,
    *,
    mix: dict[str, float] = MIX,
    objects: float = 4.0,
    light: float = 0.45,
    score: float = 5.0,
    sizes: list[ImageSize] = SIZES,
) -> list[ImageFacts]:
    """Draw images; classes of one image correlate by 0.2, and so do its scores."""
    numbers = random.poisson(objects, count)
    shares = random.dirichlet(np.array(list(mix.values())) * (1 / 0.2 - 1), count)
    counts = random.multinomial(numbers, shares)
    levels = random.beta(score * 0.8, 0.2 * 5, count)
    return [
        ImageFacts(
            labels=dict(zip(mix, row.tolist(), strict=True)),
            scores=np.clip(level + random.normal(0, 0.1, number), 0, 1).tolist(),
            brightness=float(np.clip(random.normal(light, 0.12), 0, 1)),
            size=sizes[random.integers(len(sizes))],
        )
        for row, number, level in zip(counts, numbers, levels, strict=True)
    ]


def of(measure: Measure, drifts: tuple[Drift, ...]) -> Drift:
    (found,) = (drift for drift in drifts if drift.measure == measure)
    return found


def alarms(drifts: tuple[Drift, ...]) -> set[Measure]:
    return {drift.measure for drift in drifts if drift.is_alarm}


@pytest.fixture(scope="module")
def training() -> list[ImageFacts]:
    return draw_images(800, np.random.default_rng(1))


@pytest.mark.parametrize(
    "held_out",
    [
        pytest.param(800, id="all of a training snapshot"),
        pytest.param(200, id="as many as are held out at most"),
        pytest.param(60, id="as are held out of 300"),
    ],
)
def test_at_most_5_of_100_unchanged_months_give_an_alarm(training: list[ImageFacts], held_out: int) -> None:
    random = np.random.default_rng(2)
    months = [assess_drift(training[:held_out], draw_images(200, random)) for _ in range(100)]
    assert sum(bool(alarms(month)) for month in months) <= 5
    assert not any(drift.verdict == Verdict.UNKNOWN for month in months for drift in month)


def test_usual_limit_would_cry_wolf_in_unchanged_months_of_few_images(training: list[ImageFacts]) -> None:
    random = np.random.default_rng(3)
    months = [of(Measure.BRIGHTNESS, assess_drift(training, draw_images(60, random))) for _ in range(10)]
    assert sum(month.value is not None and month.value > 0.1 for month in months) >= 5
    assert not any(month.is_alarm for month in months)


@pytest.mark.parametrize(
    ("label", "held_out", "least"),
    [
        pytest.param("dog", 800, 40, id="10 to 20 %, about 80 objects more"),
        pytest.param("bicycle", 800, 48, id="15 to 30 %"),
        pytest.param("bicycle", 200, 48, id="15 to 30 %, as many as are held out at most"),
    ],
)
def test_doubled_class_share_is_found_in_nearly_all_of_50_months(
    training: list[ImageFacts], label: str, held_out: int, least: int
) -> None:
    random = np.random.default_rng(4)
    before = [ImageFacts(image.labels) for image in training[:held_out]]
    months = [
        [ImageFacts(image.labels) for image in draw_images(200, random, mix=double(label))] for _ in range(50)
    ]
    found = [of(Measure.CLASS_MIX, assess_drift(before, month)) for month in months]
    assert sum(drift.is_alarm for drift in found) >= least
    clear = [drift for drift in found if drift.verdict in (Verdict.MODERATE, Verdict.LARGE)]
    assert len(clear) >= least - 2
    named = [drift for drift in clear if f"most of all {label}" in drift.sentence]
    assert len(named) >= least - 5


@pytest.mark.parametrize(
    ("change", "measure"),
    [
        pytest.param({"objects": 6.0}, Measure.OBJECTS, id="more objects"),
        pytest.param({"light": 0.35}, Measure.BRIGHTNESS, id="darker"),
        pytest.param({"score": 2.5}, Measure.SCORES, id="less sure"),
        pytest.param({"sizes": [*SIZES, ImageSize(4000, 3000)]}, Measure.SIZE, id="a new camera"),
    ],
)
def test_change_is_found_in_its_own_measure_alone(
    training: list[ImageFacts], change: dict[str, float], measure: Measure
) -> None:
    month = draw_images(200, np.random.default_rng(5), **change)  # type: ignore[arg-type]
    assert alarms(assess_drift(training, month)) == {measure}


def test_sentence_gives_the_figures_and_what_chance_explains(training: list[ImageFacts]) -> None:
    month = draw_images(200, np.random.default_rng(6), light=0.2)
    drift = of(Measure.BRIGHTNESS, assess_drift(training, month))
    assert drift.verdict == Verdict.LARGE
    assert drift.value is not None and drift.limit is not None
    assert drift.sentence.startswith("The brightnesses of images have changed much: the median was 0.4")
    assert f"PSI {drift.value:.2f}, above the {drift.limit:.2f} that chance explains" in drift.sentence


def test_bins_hold_shares_with_intervals_that_add_up(training: list[ImageFacts]) -> None:
    month = draw_images(200, np.random.default_rng(7), mix=DOUBLED)
    drift = of(Measure.CLASS_MIX, assess_drift(training, month))
    assert {each.name for each in drift.bins} == set(MIX)
    assert sum(each.expected.value for each in drift.bins) == pytest.approx(1)
    assert sum(each.actual.value for each in drift.bins) == pytest.approx(1)
    (dog,) = (each for each in drift.bins if each.name == "dog")
    assert dog.difference.value == pytest.approx(dog.actual.value - dog.expected.value)
    assert dog.difference.low > 0


def test_new_class_is_named_and_found(training: list[ImageFacts]) -> None:
    mix = {**{label: share * 0.9 for label, share in MIX.items()}, "tram": 0.1}
    drift = of(Measure.CLASS_MIX, assess_drift(training, draw_images(200, np.random.default_rng(8), mix=mix)))
    assert drift.is_alarm
    assert "new since training: tram" in drift.sentence


def test_one_object_of_a_new_class_is_named_without_an_alarm(training: list[ImageFacts]) -> None:
    month = [*draw_images(200, np.random.default_rng(9)), ImageFacts({"tram": 1})]
    drift = of(Measure.CLASS_MIX, assess_drift(training, month))
    assert not drift.is_alarm
    assert "new since training: tram" in drift.sentence


def test_one_class_cannot_drift() -> None:
    images = [ImageFacts({"person": 1 + number % 3}) for number in range(60)]
    drift = of(Measure.CLASS_MIX, assess_drift(images[:30], images[30:]))
    assert (drift.verdict, drift.value, drift.p_value) == (Verdict.NONE, 0, 1)


@pytest.mark.parametrize("count", [0, 1, LEAST_IMAGES - 1])
def test_too_few_images_are_not_judged(training: list[ImageFacts], count: int) -> None:
    drifts = assess_drift(training, draw_images(count, np.random.default_rng(10), objects=20))
    assert {drift.verdict for drift in drifts} == {Verdict.UNKNOWN}
    assert all(drift.value is None and not drift.bins for drift in drifts)
    assert f"and {count} (in training and in this period)" in drifts[0].sentence


def test_empty_training_is_not_judged() -> None:
    drifts = assess_drift([], draw_images(30, np.random.default_rng(11)))
    assert {drift.verdict for drift in drifts} == {Verdict.UNKNOWN}


def test_what_is_not_known_of_images_is_unknown_and_the_rest_is_judged() -> None:
    images = [ImageFacts({"person": number % 4, "car": 1}) for number in range(100)]
    drifts = assess_drift(images[:60], images[60:])
    unknown = {drift.measure for drift in drifts if drift.verdict == Verdict.UNKNOWN}
    assert unknown == {Measure.SCORES, Measure.BRIGHTNESS, Measure.SIZE}


def test_period_without_objects_is_found_by_the_number_of_objects(training: list[ImageFacts]) -> None:
    drifts = assess_drift(training, [ImageFacts({})] * 100)
    assert of(Measure.CLASS_MIX, drifts).verdict == Verdict.UNKNOWN
    assert of(Measure.OBJECTS, drifts).verdict == Verdict.LARGE


def test_many_rare_classes_do_not_hide_a_doubled_one() -> None:
    rare = {f"rare {number}": 0.01 for number in range(30)}
    mix = {"person": 0.6, "dog": 0.1, **rare}
    doubled = {"person": 0.5, "dog": 0.2, **rare}
    random = np.random.default_rng(12)
    before = draw_images(800, random, mix=mix)
    found = [
        of(Measure.CLASS_MIX, assess_drift(before, draw_images(200, random, mix=doubled))).is_alarm
        for _ in range(10)
    ]
    assert sum(found) >= 8


def test_negligible_change_of_very_many_images_is_no_alarm() -> None:
    images = [ImageFacts({"person": 1})] * 50_000 + [ImageFacts({"car": 1})] * 50_000
    month = [ImageFacts({"person": 1})] * 10_400 + [ImageFacts({"car": 1})] * 9_600
    drift = of(Measure.CLASS_MIX, assess_drift(images, month))
    assert drift.p_value is not None and drift.p_value < 0.001
    assert drift.verdict == Verdict.NONE


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        pytest.param(0.10, 0.15, Verdict.MODERATE, id="half as frequent again"),
        pytest.param(0.15, 0.10, Verdict.MODERATE, id="a third rarer"),
        pytest.param(0.40, 0.50, Verdict.SMALL, id="ten points, but a quarter of it"),
        pytest.param(0.03, 0.06, Verdict.SMALL, id="twice, but three points"),
    ],
)
def test_change_of_a_class_that_people_would_speak_of_is_not_small(
    was: float, now: float, expected: Verdict
) -> None:
    def images(share: float) -> list[ImageFacts]:
        return [ImageFacts({"dog" if number < 5000 * share else "person": 1}) for number in range(5000)]

    drift = of(Measure.CLASS_MIX, assess_drift(images(was), images(now)))
    assert drift.value is not None and drift.value < 0.1
    assert drift.verdict == expected
