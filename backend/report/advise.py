"""Turn the figures of a report into what to do next. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from backend.report.advice import Advice, Topic, Urgency
from backend.report.advice_words import write_count, write_estimate
from backend.report.advise_images import advise_on_classes, advise_on_images, advise_on_tasks
from backend.report.advise_people import (
    advise_on_agreement,
    advise_on_annotators,
    advise_on_label_errors,
    is_agreement_known,
)
from backend.report.advise_quality import (
    advise_on_drift,
    advise_on_quality,
    f1_of,
    is_course_known,
    serving_version,
)
from backend.report.entities import ProjectReport
from backend.review.entities import ReviewState
from backend.stats.change import Verdict

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
    serving = serving_version(report)
    f1 = f1_of(serving.corrected) if serving is not None else None
    reviewed = sum(states.values()) - states.get(ReviewState.NOT_VIEWED, 0)
    return Advice(
        Topic.QUALITY,
        Urgency.FINE,
        "Nothing needs to be done now",
        f"F1 {write_estimate(f1)}" if f1 is not None else write_count(reviewed, "reviewed task"),
        " ".join(_what_is_well(report)),
    )


def _what_is_well(report: ProjectReport) -> Iterator[str]:
    """Yield a sentence on what was looked for in vain, and one on what cannot be told yet."""
    is_drift_known = any(each.verdict is not Verdict.UNKNOWN for each in report.drift.measures)
    # Had any of these been found, there were a line of it.
    looked_for = {
        "a fall of quality": is_course_known(report),
        "disagreement between people": is_agreement_known(report),
        "labels that are probably wrong": report.label_errors.objects > 0,
        "images unlike those trained on": is_drift_known,
    }
    missed = [words for words, is_known in looked_for.items() if is_known]
    if missed:
        yield f"Looked for and not found: {', '.join(missed)}."
    unknown = [words for words, is_known in looked_for.items() if not is_known]
    if unknown:
        yield f"Too little is known yet to find: {', '.join(unknown)}."
