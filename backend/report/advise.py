"""Turn the figures of a report into what to do next. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping

from backend.report.advice import Advice, Topic, Urgency
from backend.report.advice_words import write_count, write_estimate
from backend.report.advise_images import advise_on_classes, advise_on_images, advise_on_tasks
from backend.report.advise_people import advise_on_agreement, advise_on_annotators, advise_on_label_errors
from backend.report.advise_quality import advise_on_drift, advise_on_quality, f1_of
from backend.report.entities import ProjectReport
from backend.review.entities import ReviewState

MOST_LINES = 8
_MOST_OF_TOPIC = 2
_ORDER = list(Urgency)


def advise(report: ProjectReport, states: Mapping[ReviewState, int]) -> tuple[Advice, ...]:
    """Return what to do next, the most urgent first: at most eight lines, two of each topic.

    Args:
        report: All figures; its own advice is not looked at.
        states: How many tasks are in each state.
    """
    # Among lines that are equally urgent: what spoils labels comes before what would add to them.
    found = [
        *advise_on_quality(report),
        *advise_on_annotators(report),
        *advise_on_label_errors(report),
        *advise_on_agreement(report),
        *advise_on_drift(report),
        *advise_on_images(report),
        *advise_on_classes(report),
        *advise_on_tasks(report, states),
    ]
    ordered = sorted(found, key=lambda each: _ORDER.index(each.urgency))
    if all(each.urgency is Urgency.FINE for each in ordered):
        ordered = [_all_is_well(report, states), *ordered]
    return tuple(_some_of_each(ordered))[:MOST_LINES]


def _some_of_each(lines: Iterable[Advice]) -> Iterable[Advice]:
    taken: Counter[Topic] = Counter()
    for line in lines:
        taken[line.topic] += 1
        if taken[line.topic] <= _MOST_OF_TOPIC:
            yield line


def _all_is_well(report: ProjectReport, states: Mapping[ReviewState, int]) -> Advice:
    newest = next(iter(report.quality.versions), None)
    f1 = f1_of(newest.corrected) if newest is not None else None
    reviewed = sum(states.values()) - states.get(ReviewState.NOT_VIEWED, 0)
    return Advice(
        Topic.QUALITY,
        Urgency.FINE,
        "Nothing needs to be done now",
        f"F1 {write_estimate(f1)}" if f1 is not None else write_count(reviewed, "reviewed task"),
        "Quality does not fall, people agree as far as is known, no label is suspect, and no image is unlike "
        "those trained on.",
    )
