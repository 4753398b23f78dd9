"""Which prediction an annotator started from: by region ids, by its parent, else the newest before it."""

from dataclasses import replace

import pytest

from backend.labelstudio.annotations import parse_annotation
from backend.review.entities import Annotation, LoggedPrediction, ShownBy
from backend.review.shown import choose_shown, names_its_origin
from tests.backend.review.events import annotation, at, region


def logged(number: int, version: str, *ids: str, minute: float) -> LoggedPrediction:
    return LoggedPrediction(number, 1, version, False, at(minute), frozenset(ids))


OLD = logged(1, "v1", "a1", "a2", minute=0)
NEW = logged(2, "v2", "b1", "b2", minute=5)
LATE = logged(3, "v3", "c1", minute=50)
LOGGED = [OLD, NEW, LATE]


def submitted(*ids: str, parent: int | None = None, minute: float = 10) -> Annotation:
    regions = [region(identity) for identity in ids]
    return parse_annotation(annotation(1, regions, minute=minute, parent_prediction=parent))


@pytest.mark.parametrize(
    ("of", "version", "found", "by"),
    [
        pytest.param(submitted("a1", "m1"), None, OLD, ShownBy.REGION_IDS, id="a kept id names the version"),
        pytest.param(submitted("a1", parent=9), "v2", OLD, ShownBy.REGION_IDS, id="ids go before the parent"),
        pytest.param(submitted("a1", "b1", "b2"), None, NEW, ShownBy.REGION_IDS, id="most ids win"),
        pytest.param(submitted("m1", parent=9), "v1", OLD, ShownBy.PARENT, id="parent's version"),
        pytest.param(submitted(parent=9), "v3", LATE, ShownBy.PARENT, id="parent, whatever the clocks say"),
        pytest.param(submitted("m1", parent=9), "foreign", None, None, id="parent of another model"),
        pytest.param(submitted("m1", parent=9), "", NEW, ShownBy.NEWEST, id="parent that is gone"),
        pytest.param(submitted("m1", parent=9), None, NEW, ShownBy.ASSUMED, id="parent not known yet"),
        pytest.param(submitted("m1"), None, NEW, ShownBy.NEWEST, id="newest before it"),
        pytest.param(submitted("m1", minute=2), None, OLD, ShownBy.NEWEST, id="later ones were not shown"),
        pytest.param(submitted("m1", minute=-1), None, None, None, id="annotated before any prediction"),
    ],
)
def test_shown_prediction(
    of: Annotation, version: str | None, found: LoggedPrediction | None, by: ShownBy | None
) -> None:
    assert choose_shown(of, LOGGED, parent_version=version) == (found, by)


def test_order_of_the_log_does_not_matter() -> None:
    for of in (submitted("a1"), submitted("m1"), submitted("m1", parent=9)):
        forwards = choose_shown(of, LOGGED, parent_version="v2")
        assert choose_shown(of, LOGGED[::-1], parent_version="v2") == forwards


def test_of_one_version_predicted_twice_the_newest_before_counts() -> None:
    again = replace(OLD, id=9, served_at=at(8))
    late = replace(OLD, id=10, served_at=at(30))
    assert choose_shown(submitted("a1"), [OLD, again, late], parent_version=None)[0] == again


def test_nothing_was_shown_where_nothing_is_logged() -> None:
    assert choose_shown(submitted("a1", parent=9), [], parent_version="v1") == (None, None)


def test_only_a_shared_region_id_names_the_origin() -> None:
    assert names_its_origin(submitted("m1", "b2"), LOGGED)
    assert not names_its_origin(submitted("m1"), LOGGED)
    assert not names_its_origin(submitted(), LOGGED)
