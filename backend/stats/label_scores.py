"""Score how good labels seem, by predictions that they had no part in. Pure.

The kinds of error, and that a sure prediction weighs more and one that lies close to a label weighs less, are
those of ObjectLab (Tkachenko, Thyagarajan, Mueller 2023, "ObjectLab: Automated Diagnosis of Mislabeled Images
in Object Detection Data", arXiv 2309.00832), which scores images for overlooked, swapped and badly located
boxes; extra labels are ours. A fixed threshold on the model's score, as there, accuses everybody where the
model is weak. So each disagreement is set against how often this model disagrees so where nothing is wrong:
with q of those for each case in which it agrees, and errors in a share e of the labels, q / (q + e) of such
disagreements are the model's fault (Bayes), and that is the score.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from backend.stats.label_errors import ErrorKind, JudgedTask, LabelError, Mark
from backend.stats.label_pairs import Alone, Pair, Pairing, pair_marks
from backend.stats.label_rates import Rates

# Share of labels with an error of one kind. Northcutt, Athalye, Mueller 2021 find 3.3 % wrong labels in the
# test sets of well-known benchmarks.
ERROR_RATE = 0.03
# Whoever saw the prediction and submitted something else has mostly meant it.
SHOWN_ERROR_RATE = 0.01
# Below it a label is suspected; docs/label-errors.md has the measurement.
SUSPECT = 0.8
# Boxes that share more than this are never called loose.
LOOSE_BELOW = 0.75
# Loose boxes are taken to share anything up to 0.8 with the thing, all alike.
_LOOSE_DENSITY = 1 / 0.8
_LEAST_RATE = 1e-3


def score_labels(tasks: Iterable[JudgedTask]) -> list[LabelError]:
    """Return every disagreement between labels and predictions with its score, the most suspect first.

    What annotators saw is judged apart from what they did not: they agree with it more often.
    """
    pairings = [pair_marks(task) for task in tasks]
    found: list[LabelError] = []
    for is_shown in (False, True):
        group = [pairing for pairing in pairings if pairing.task.is_shown == is_shown]
        judge = _Judge(Rates(group), SHOWN_ERROR_RATE if is_shown else ERROR_RATE)
        for pairing in group:
            found += judge.errors(pairing)
    return sorted(found, key=lambda error: (error.score, error.task_id, error.kind))


@dataclass(frozen=True, slots=True)
class _Judge:
    """Scores the tasks of one group."""

    rates: Rates
    error_rate: float

    def errors(self, pairing: Pairing) -> Iterator[LabelError]:
        """Yield the task's disagreements."""
        parts: tuple[tuple[Sequence[Alone] | Sequence[Pair], Callable[..., LabelError]], ...] = (
            (pairing.predicted_alone, self._missing),
            (pairing.labelled_alone, self._extra),
            (pairing.renamed, self._renamed),
            ([pair for pair in pairing.same if pair.iou < LOOSE_BELOW], self._loose),
        )
        for items, judged in parts:
            for item in items:
                yield judged(pairing.task, item)

    def _missing(self, task: JudgedTask, alone: Alone) -> LabelError:
        mark = alone.mark
        rate = self.rates.is_labelled(mark, alone.overlap)
        reason = (
            f"The model finds {mark.label} here with {_percent(mark.score)}, and nothing is labelled so. "
            f"{_percent(rate)} of such findings have a label."
        )
        return self._error(task, ErrorKind.MISSING, _odds(rate), None, mark, reason)

    def _extra(self, task: JudgedTask, alone: Alone) -> LabelError:
        mark = alone.mark
        rate = self.rates.is_found(mark, task.found.size)
        reason = (
            f"The model finds nothing here, but {_percent(rate)} of what is labelled {mark.label} and has "
            "this size."
        )
        # What half covers the label may be half a finding of it.
        return self._error(task, ErrorKind.EXTRA, 1 - rate * (1 - alone.overlap), mark, None, reason)

    def _renamed(self, task: JudgedTask, pair: Pair) -> LabelError:
        mark = pair.predicted
        rate = self.rates.has_class(mark)
        reason = (
            f"Labelled {pair.labelled.label}; the model says {mark.label} with {_percent(mark.score)}. "
            f"{_percent(rate)} of such findings have the label's class."
        )
        odds = _odds(rate * (1 - pair.support))
        return self._error(task, ErrorKind.WRONG_CLASS, odds, pair.labelled, mark, reason)

    def _loose(self, task: JudgedTask, pair: Pair) -> LabelError:
        odds = self.rates.density(pair.predicted.score, pair.iou) / _LOOSE_DENSITY
        reason = (
            f"The box and the model's have {_percent(pair.iou)} of their area in common, which is little "
            f"for a finding with {_percent(pair.predicted.score)}."
        )
        return self._error(task, ErrorKind.LOOSE, odds, pair.labelled, pair.predicted, reason)

    def _error(
        self,
        task: JudgedTask,
        kind: ErrorKind,
        odds: float,
        labelled: Mark | None,
        predicted: Mark | None,
        reason: str,
    ) -> LabelError:
        return LabelError(
            task_id=task.task_id,
            annotation_id=task.annotation_id,
            annotator=task.annotator,
            kind=kind,
            score=odds / (odds + self.error_rate),
            label=labelled.label if labelled else None,
            box=labelled.box if labelled else None,
            predicted_label=predicted.label if predicted else None,
            predicted_box=predicted.box if predicted else None,
            predicted_score=predicted.score if predicted else None,
            size=task.found.size,
            version=task.found.version,
            image=task.image,
            reason=reason,
        )


def _odds(rate: float) -> float:
    """Return how many disagreements come with each agreement."""
    return (1 - rate) / max(rate, _LEAST_RATE)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
