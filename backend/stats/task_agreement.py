"""How far people agree on one task: which of their regions are one thing, and what each calls it. Pure.

What is left is counts: masks of thousands of tasks need not stay in memory.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from backend.entities import Region
from backend.review.entities import Match
from backend.review.matching import SAME_IOU, match_regions

# What somebody says who marked nothing where another marked a thing. No label is empty.
UNMATCHED = ""


class RaterKind(StrEnum):
    """Who says what is in an image. A model whose prediction the annotator saw is no independent witness."""

    ANNOTATOR = "annotator"
    GROUND_TRUTH = "ground truth"
    MODEL = "model"
    BLIND_MODEL = "blind model"


@dataclass(frozen=True, slots=True)
class Rater:
    """One who labels; `id` is Label Studio's of an annotator, None where it names none."""

    kind: RaterKind
    id: int | None = None

    def __str__(self) -> str:
        if self.kind != RaterKind.ANNOTATOR:
            return self.kind.value
        return "annotator unknown" if self.id is None else f"annotator {self.id}"


@dataclass(frozen=True, slots=True)
class LabelSet:
    """What one rater says of a task. Only members count in figures of all together, not in those of pairs."""

    rater: Rater
    regions: tuple[Region, ...]
    is_member: bool = True


@dataclass(frozen=True, slots=True)
class LabelledTask:
    """A task with what each rater says of it, one set each; `images` as in `AnnotatedRegions`."""

    id: int
    sets: tuple[LabelSet, ...]
    images: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PairComparison:
    """Two raters on one task, in the order of `rank`.

    `cells` counts things by what the one and the other call them, `UNMATCHED` for who did not mark it.
    `ious` sums the IoU of matched regions by their two labels, `choices` has what both chose for the whole
    image, by control tag.
    """

    one: Rater
    other: Rater
    is_of_members: bool
    cells: Mapping[tuple[str, str], int]
    ious: Mapping[tuple[str, str], float]
    choices: Mapping[str, tuple[str, str]]

    @property
    def equal(self) -> int:
        """Things that both marked and call the same."""
        return sum(count for (one, other), count in self.cells.items() if one == other)

    @property
    def matched(self) -> int:
        """Things that both marked."""
        return sum(count for pair, count in self.cells.items() if UNMATCHED not in pair)

    @property
    def regions(self) -> int:
        """Regions of both."""
        return sum(count * (2 - pair.count(UNMATCHED)) for pair, count in self.cells.items())


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """All raters of one task.

    `things` counts the things that members marked by what each of them calls it, sorted; `choices` has, by
    control tag, what the members chose who chose.
    """

    task_id: int
    pairs: tuple[PairComparison, ...]
    things: Mapping[tuple[str, ...], int]
    choices: Mapping[str, tuple[str, ...]]


def rank(rater: Rater) -> tuple[int, bool, int]:
    """Return what raters are sorted by: annotators by id, an unknown one after them, then the others."""
    return list(RaterKind).index(rater.kind), rater.id is None, rater.id or 0


def compare_task(task: LabelledTask, *, iou: float = SAME_IOU) -> TaskComparison:
    """Compare what raters say of a task.

    Args:
        task: With one set for each rater.
        iou: From which on regions are one thing, above 0 and at most 1.
    """
    sets = sorted(task.sets, key=lambda each: rank(each.rater))
    shapes = [[region for region in each.regions if region.geometry is not None] for each in sets]
    chosen = [_choices(each.regions) for each in sets]
    matches = {
        (a, b): match_regions(shapes[a], shapes[b], images=task.images, least=iou)
        for a, b in combinations(range(len(sets)), 2)
    }
    pairs = tuple(
        PairComparison(
            one=sets[a].rater,
            other=sets[b].rater,
            is_of_members=sets[a].is_member and sets[b].is_member,
            cells=_cells(shapes[a], shapes[b], found),
            ious=_ious(shapes[a], shapes[b], found),
            choices={name: (chosen[a][name], chosen[b][name]) for name in chosen[a] if name in chosen[b]},
        )
        for (a, b), found in matches.items()
    )
    members = [place for place, each in enumerate(sets) if each.is_member]
    names = sorted({name for place in members for name in chosen[place]})
    choices = {name: tuple(chosen[m][name] for m in members if name in chosen[m]) for name in names}
    return TaskComparison(task.id, pairs, _things(shapes, matches, members), choices)


def _choices(regions: Sequence[Region]) -> dict[str, str]:
    """Return what was chosen for the whole image, by control tag; several choices are one value."""
    found: dict[str, set[str]] = {}
    for region in regions:
        if region.geometry is None:
            found.setdefault(region.control, set()).add(region.label)
    return {name: " + ".join(sorted(labels)) for name, labels in found.items()}


def _cells(
    ones: Sequence[Region], others: Sequence[Region], matches: Sequence[Match]
) -> Counter[tuple[str, str]]:
    cells = Counter((ones[m.shown].label, others[m.annotated].label) for m in matches)
    taken, other_taken = {m.shown for m in matches}, {m.annotated for m in matches}
    cells.update((r.label, UNMATCHED) for place, r in enumerate(ones) if place not in taken)
    cells.update((UNMATCHED, r.label) for place, r in enumerate(others) if place not in other_taken)
    return cells


def _ious(
    ones: Sequence[Region], others: Sequence[Region], matches: Sequence[Match]
) -> dict[tuple[str, str], float]:
    sums: dict[tuple[str, str], float] = {}
    for match in matches:
        pair = ones[match.shown].label, others[match.annotated].label
        sums[pair] = sums.get(pair, 0.0) + match.iou
    return sums


def _things(
    shapes: Sequence[Sequence[Region]],
    matches: Mapping[tuple[int, int], Sequence[Match]],
    members: Sequence[int],
) -> Counter[tuple[str, ...]]:
    """Join pairs to things that each member marked once at most: equal labels first, then the greater IoU."""
    joined: dict[tuple[int, int], dict[int, int]] = {
        (member, place): {member: place} for member in members for place in range(len(shapes[member]))
    }
    links = [
        (shapes[a][m.shown].label != shapes[b][m.annotated].label, -m.iou, (a, m.shown), (b, m.annotated))
        for (a, b), found in matches.items()
        if a in members and b in members
        for m in found
    ]
    for _, _, one, other in sorted(links):
        first, second = joined[one], joined[other]
        if first is not second and first.keys().isdisjoint(second):
            first.update(second)
            for region in second.items():
                joined[region] = first
    things = {id(thing): thing for thing in joined.values()}
    return Counter(
        tuple(sorted(shapes[m][thing[m]].label if m in thing else UNMATCHED for m in members))
        for thing in things.values()
    )
