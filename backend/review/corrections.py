"""What an annotator did to each region, and how often, from what was shown and what was submitted. Pure.

Regions that are one thing (see `backend.review.matching`) have an IoU of at least 0.5. Such a region is

- kept: its label is the same, and its IoU is at least 0.9;
- adjusted: its label is the same, and its IoU below that;
- relabelled: its label is another.

A shown region without its like is deleted, an annotated one without its like is added; one that was moved
so far that its IoU is below 0.5 is therefore deleted and added. Every shown region is in exactly one
correction, and so is every annotated one, save that points count only in a control tag that the model fills:
elsewhere a point is a prompt of a smart tool, not a label.

As detections, kept and adjusted are true positives, deleted and relabelled false positives (of the label they
had), added and relabelled false negatives (of the label they got).
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from backend.entities import Point, Region
from backend.review.entities import AnnotatedRegions, Correction, Kind, Match, Tally
from backend.review.matching import KEPT_IOU, match_regions


def correct(shown: Sequence[Region], annotated: AnnotatedRegions) -> tuple[Correction, ...]:
    """Return what was done to each region: the shown ones in their order, then the added ones in theirs."""
    filled = {region.control for region in shown}
    counted = [r for r in annotated.regions if r.control in filled or not isinstance(r.geometry, Point)]
    matches = match_regions(shown, counted, images=annotated.images)
    match_of = {match.shown: match for match in matches}
    of_shown = [
        _matched(region, counted[match.annotated], match)
        if (match := match_of.get(place))
        else Correction(Kind.DELETED, region, None)
        for place, region in enumerate(shown)
    ]
    matched = {match.annotated for match in matches}
    added = [
        Correction(Kind.ADDED, None, region) for place, region in enumerate(counted) if place not in matched
    ]
    return (*of_shown, *added)


def _matched(shown: Region, annotated: Region, match: Match) -> Correction:
    if shown.label != annotated.label:
        kind = Kind.RELABELLED
    else:
        kind = Kind.KEPT if match.iou >= KEPT_IOU else Kind.ADJUSTED
    return Correction(kind, shown, annotated, match.iou, match.matched_by, match.compared_as)


def tally(corrections: Iterable[Correction]) -> dict[str, Tally]:
    """Return the corrections counted by label, and under "" all together; "" is there if there are none."""
    counts: dict[str, Counter[str]] = {"": Counter()}
    for correction in corrections:
        for label, column in _counted_as(correction):
            # A region may have the empty label, which is no reason to count it twice.
            for row in {label, ""}:
                counts.setdefault(row, Counter())[column] += 1
    return {label: Tally(**count) for label, count in counts.items()}


def _counted_as(correction: Correction) -> list[tuple[str, str]]:
    """Return the labels for which a correction counts, each with the field of `Tally`."""
    shown, annotated = correction.shown, correction.annotated
    if correction.kind is Kind.RELABELLED and shown and annotated:
        return [(shown.label, "relabelled_from"), (annotated.label, "relabelled_to")]
    return [(correction.label, correction.kind.value)]
