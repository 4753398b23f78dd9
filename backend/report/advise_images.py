"""Advice on what to label: how many images, which classes, which tasks. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence

from backend.alerts.rules import LEAST_REGIONS
from backend.report.advice import Advice, Topic, Urgency
from backend.report.advice_words import command, write_about, write_count, write_estimate
from backend.report.entities import ProjectReport
from backend.review.entities import ReviewState
from backend.stats.learning_curve import Outlook
from backend.stats.outlook import ClassBalance
from backend.training.names import MOST_HELD_OUT

# A label with fewer objects, or with a smaller part of what the most frequent one has, is hardly learned; a
# training run warns of the same.
_FEWEST_OBJECTS, _MOST_TIMES_RARER = 10, 10
# About so many labelled images are needed for one in the test split.
_IMAGES_FOR_A_TEST_IMAGE = 10
_WHEN_FULL = (
    f"The test split is full with {MOST_HELD_OUT} images, so no more come to it. What annotators correct "
    "tells more of this label."
)
_MORE_IMAGES_HELP = (Outlook.REACHABLE, Outlook.UNCERTAIN, Outlook.TOO_FEW)


def advise_on_images(report: ProjectReport) -> Iterator[Advice]:
    """Yield what the learning curve says."""
    outlook = report.outlook
    todo, urgency = _from_curve(report)
    target = f"target {outlook.target:g}"
    if outlook.now is not None:
        figure = f"{outlook.measure} {write_estimate(outlook.now)}, {target}"
    else:
        figure = f"{write_count(len(outlook.points), 'measured version')}, {target}"
    yield Advice(Topic.IMAGES, urgency, todo, figure, outlook.advice, command(report, "outlook"))


def advise_on_classes(report: ProjectReport) -> Iterator[Advice]:
    """Yield which class is too rare to be learned, and which to be measured."""
    classes = report.outlook.classes
    found = (_on_rare_class(report, classes), _on_unmeasured_class(report, classes))
    yield from (each for each in found if each is not None)


def advise_on_tasks(report: ProjectReport, states: Mapping[ReviewState, int]) -> Iterator[Advice]:
    """Yield which tasks to label, or that there are none."""
    waiting, is_reached = states.get(ReviewState.NOT_VIEWED, 0), report.outlook.outlook is Outlook.REACHED
    count = min(waiting, len(report.next_tasks.tasks))
    if waiting:
        yield Advice(
            Topic.IMAGES,
            Urgency.FINE if is_reached else Urgency.SOON,
            f"Label the {write_count(count, 'task')} that help most"
            if count
            else "Label the tasks that wait",
            f"{write_count(waiting, 'task')} {'wait' if waiting != 1 else 'waits'}",
            _reason_of_next(report) if count else "Nobody has looked at them yet.",
            command(report, "next" if count else "reviews"),
        )
    elif not sum(states.values()):
        yield Advice(
            Topic.IMAGES,
            Urgency.SOON,
            "Import images in Label Studio, and let the model label them first",
            "0 tasks",
            "Without tasks there is nothing to correct, to measure or to learn from.",
            command(report, "prelabel"),
        )
    elif report.outlook.outlook in _MORE_IMAGES_HELP:
        yield Advice(
            Topic.IMAGES,
            Urgency.SOON,
            "Import more images",
            "0 tasks wait",
            "All tasks have been looked at, and the model has not reached its target.",
        )


def _from_curve(report: ProjectReport) -> tuple[str, Urgency]:
    outlook = report.outlook
    target = f"{outlook.measure} {outlook.target:g}"
    value = outlook.more.value if outlook.more is not None else None
    match outlook.outlook:
        case Outlook.FALLING:
            return "Look at the images and labels that came last before you add more", Urgency.NOW
        case Outlook.REACHABLE if value is not None:
            return f"Review about {write_about(value)} more images to reach {target}", Urgency.SOON
        case Outlook.OUT_OF_REACH:
            return "Change what is trained: more images will not be enough", Urgency.SOON
        case Outlook.REACHED:
            return f"No more images are needed for {target}", Urgency.FINE
        case Outlook.TOO_FEW:
            return "Go on reviewing and training; how many images it takes cannot be told yet", Urgency.FINE
    return "Review more images and train again, which will tell how far they help", Urgency.SOON


def _on_rare_class(report: ProjectReport, classes: Sequence[ClassBalance]) -> Advice | None:
    if not classes:
        return None
    most = max(classes, key=lambda each: each.objects)
    enough = max(_FEWEST_OBJECTS, math.ceil(most.objects / _MOST_TIMES_RARER))
    rare = sorted((each for each in classes if each.objects < enough), key=lambda each: each.objects)
    if not rare:
        return None
    rarest = rare[0]
    others = f" Of {len(classes):,} labels {len(rare):,} are that rare." if len(rare) > 1 else ""
    lacking = write_count(enough - rarest.objects, "more object")
    return Advice(
        Topic.CLASSES,
        Urgency.SOON,
        f'Label images with at least {lacking} of "{rarest.label}"',
        f'"{rarest.label}" {rarest.objects:,}, "{most.label}" {most.objects:,}',
        f"A label is hardly learned from fewer than {_FEWEST_OBJECTS} objects, or from less than a tenth of "
        f"what the most frequent one has.{others}",
        command(report, "next"),
    )


def _on_unmeasured_class(report: ProjectReport, classes: Sequence[ClassBalance]) -> Advice | None:
    few = [(each.test_objects, each.label, each.f1) for each in classes if each.test_objects is not None]
    few = [each for each in few if each[0] < LEAST_REGIONS]
    if not few:
        return None
    objects, label, f1 = min(few, key=lambda each: (each[0], each[1]))
    counted = write_count(objects, "test object")
    is_full = report.outlook.test_images >= MOST_HELD_OUT
    takes = f"It takes about {LEAST_REGIONS} test objects to say how well a label is found. "
    return Advice(
        Topic.CLASSES,
        Urgency.FINE if is_full else Urgency.SOON,
        f'Take the figures of "{label}" for a rough guess'
        if is_full
        else f'Label more "{label}" before you trust its figures',
        f'"{label}": F1 {f1:.2f} of {counted}' if objects and f1 is not None else f'"{label}": {counted}',
        takes + (_WHEN_FULL if is_full else _while_there_is_room(LEAST_REGIONS - objects)),
        command(report, "quality" if is_full else "outlook"),
    )


def _while_there_is_room(lacking: int) -> str:
    return (
        f"About one image in {_IMAGES_FOR_A_TEST_IMAGE} goes to the test split until that has "
        f"{MOST_HELD_OUT}, so {lacking} more take about {write_about(_IMAGES_FOR_A_TEST_IMAGE * lacking)} "
        "more labelled objects."
    )


def _reason_of_next(report: ProjectReport) -> str:
    first = report.next_tasks.tasks[0]
    return (
        f"They were chosen among {write_count(report.next_tasks.candidates, 'task')} by what the model would "
        f"learn from them. Of the first, task {first.task_id}: {first.reason}"
    )
