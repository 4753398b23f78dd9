"""Labels and predictions of one thing go together, and each once."""

from backend.entities import Box
from backend.stats.label_pairs import Pairing, pair_marks
from tests.backend.stats.judged_tasks import BOX, FAR, judged, mark

WORSE = Box(100, 100, 200, 180)  # IoU 0.8 with BOX
HALF = Box(100, 100, 200, 140)  # IoU 0.4 with BOX


def counts(pairing: Pairing) -> tuple[int, int, int, int]:
    parts = pairing.same, pairing.renamed, pairing.labelled_alone, pairing.predicted_alone
    return tuple(map(len, parts))  # type: ignore[return-value]


def test_one_class_in_one_place_is_the_same() -> None:
    pairing = pair_marks(judged([mark()], [mark(box=WORSE, score=0.9)]))
    assert counts(pairing) == (1, 0, 0, 0)
    assert round(pairing.same[0].iou, 3) == 0.8


def test_another_class_in_one_place_is_renamed() -> None:
    assert counts(pair_marks(judged([mark("car")], [mark("person", score=0.9)]))) == (0, 1, 0, 0)


def test_far_apart_both_stand_alone() -> None:
    assert counts(pair_marks(judged([mark()], [mark(box=FAR, score=0.9)]))) == (0, 0, 1, 1)


def test_little_overlap_is_one_thing_only_in_one_class() -> None:
    assert counts(pair_marks(judged([mark()], [mark(box=HALF, score=0.9)]))) == (1, 0, 0, 0)
    assert counts(pair_marks(judged([mark()], [mark("person", HALF, 0.9)]))) == (0, 0, 1, 1)


def test_sure_finding_gets_the_label_before_a_faint_one_that_lies_better() -> None:
    sure, faint = mark(box=WORSE, score=0.9), mark(box=BOX, score=0.1)
    pairing = pair_marks(judged([mark()], [faint, sure]))
    assert pairing.same[0].predicted is sure
    assert [alone.mark for alone in pairing.predicted_alone] == [faint]
    assert pairing.predicted_alone[0].overlap == 1.0


def test_faint_finding_of_the_labels_class_supports_it() -> None:
    pairing = pair_marks(judged([mark("car")], [mark("person", score=0.8), mark("car", score=0.3)]))
    assert pairing.renamed[0].predicted.label == "person"
    assert pairing.renamed[0].support == 0.3


def test_what_is_found_twice_is_alone_without_overlap_once() -> None:
    found = [mark(box=WORSE, score=0.4), mark(box=BOX, score=0.9)]
    alone = pair_marks(judged([], found)).predicted_alone
    assert [(each.mark.score, round(each.overlap, 3)) for each in alone] == [(0.9, 0.0), (0.4, 0.8)]


def test_other_labels_crowd_a_pair() -> None:
    pairing = pair_marks(judged([mark(), mark("person", HALF)], [mark(score=0.9)]))
    assert round(pairing.same[0].crowding, 3) == 0.4


def test_marks_on_two_images_never_go_together() -> None:
    images = {"left": "one", "right": "other"}
    labelled, found = [mark(control="left")], [mark(score=0.9, control="right")]
    assert counts(pair_marks(judged(labelled, found, images=images))) == (0, 0, 1, 1)
    assert counts(pair_marks(judged(labelled, found, images={"left": "one"}))) == (1, 0, 0, 0)


def test_surest_class_of_the_whole_image_is_compared_with_what_was_chosen() -> None:
    found = [mark("sun", None, 0.7), mark("rain", None, 0.2)]
    assert counts(pair_marks(judged([mark("sun", None)], found))) == (1, 0, 0, 0)
    pairing = pair_marks(judged([mark("rain", None)], found))
    assert counts(pairing) == (0, 1, 0, 0)
    assert pairing.renamed[0].support == 0.2


def test_choice_without_prediction_is_not_judged() -> None:
    assert counts(pair_marks(judged([mark("sun", None)], []))) == (0, 0, 0, 0)
    assert counts(pair_marks(judged([], [mark("sun", None, 0.9)]))) == (0, 0, 0, 0)


def test_empty_task_has_nothing() -> None:
    assert counts(pair_marks(judged([], []))) == (0, 0, 0, 0)
