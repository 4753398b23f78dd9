"""When a training is said to have learnt its images by heart."""

from collections.abc import Sequence

import pytest

from backend.training.entities import EpochMetrics
from retrain.evaluation.overfitting import describe_overfitting

FALLING = [3.0, 2.0, 1.5, 1.2, 1.0, 0.9, 0.8, 0.7, 0.6]
RISING_LATE = [3.0, 2.0, 1.5, 1.2, 1.0, 1.0, 1.1, 1.2, 1.3]


def epochs(
    train: Sequence[float], val: Sequence[float], *, parts: Sequence[str] = ("box_loss", "cls_loss")
) -> list[EpochMetrics]:
    """Return epochs in which every part of the loss is as given."""
    return [
        EpochMetrics(
            epoch=number,
            seconds=1.0,
            metrics={
                **{f"train/{part}": of_train for part in parts},
                **{f"val/{part}": of_val for part in parts},
                "metrics/mAP50(B)": 0.5,
                "lr/pg0": 0.01,
            },
        )
        for number, (of_train, of_val) in enumerate(zip(train, val, strict=True), 1)
    ]


def test_rising_val_loss_beside_a_falling_training_loss_is_named() -> None:
    found = describe_overfitting(epochs(FALLING, RISING_LATE))
    # 0.8, 0.7, 0.6 falls by 0.2 of 0.7; 1.1, 1.2, 1.3 rises by 0.2 of 1.2.
    assert found == (
        "overfitting: over the epochs 7 to 9 the training loss fell by 29% while the loss on the val split "
        "rose by 17%"
    )


@pytest.mark.parametrize(
    ("train", "val"),
    [
        pytest.param(FALLING, FALLING, id="both fall"),
        pytest.param(RISING_LATE, RISING_LATE, id="both rise"),
        pytest.param(FALLING, [1.3, 1.2, 1.1, 1.0, 1.0, 1.0, 1.0, 1.01, 1.0], id="val stands still"),
        pytest.param(FALLING, [*RISING_LATE[:4], 1.3, 1.2, 1.1, 1.0, 0.9], id="rose earlier, falls now"),
        pytest.param(FALLING[:2], RISING_LATE[-2:], id="two epochs are no trend"),
        pytest.param(FALLING, [*RISING_LATE[:8], float("nan")], id="not a number"),
        pytest.param([], [], id="no epochs"),
    ],
)
def test_other_trainings_are_not_named(train: list[float], val: list[float]) -> None:
    assert describe_overfitting(epochs(train, val)) is None


def test_three_epochs_are_enough() -> None:
    assert describe_overfitting(epochs([1.0, 0.9, 0.8], [1.0, 1.1, 1.2])) is not None


def test_last_third_counts() -> None:
    rises = [*[1.0] * 8, 1.0, 1.1, 1.2, 1.3]
    found = describe_overfitting(epochs([1 - place / 20 for place in range(12)], rises))
    assert found is not None and "epochs 9 to 12" in found


def test_classifier_has_one_loss() -> None:
    assert describe_overfitting(epochs(FALLING, RISING_LATE, parts=["loss"])) is not None


def test_loss_that_val_does_not_have_is_left_out() -> None:
    trained = [
        EpochMetrics(each.epoch, 1.0, {**each.metrics, "train/dis_loss": 100.0})
        for each in epochs(FALLING, RISING_LATE)
    ]
    assert describe_overfitting(trained) == describe_overfitting(epochs(FALLING, RISING_LATE))


def test_epochs_need_no_order() -> None:
    assert describe_overfitting(epochs(FALLING, RISING_LATE)[::-1]) is not None


def test_epochs_without_losses_are_not_named() -> None:
    bare = [EpochMetrics(number, 1.0, {"metrics/mAP50(B)": 0.1}) for number in (1, 2, 3)]
    assert describe_overfitting(bare) is None
