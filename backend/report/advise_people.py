"""Advice on labels and those who make them: whom to talk to, what to agree on, what to check. Pure."""

from collections.abc import Iterator

from backend.report.advice import Advice, Topic, Urgency
from backend.report.advice_words import command, name_of, write_count, write_estimate, write_percent
from backend.report.entities import ProjectReport
from backend.stats.agreement import FEWEST_TASKS
from backend.stats.intervals import Estimate
from backend.stats.label_errors import ErrorKind
from backend.stats.task_agreement import RaterKind

# Krippendorff 2004, Content Analysis, chapter 11: for firm conclusions, and for tentative ones.
FIRM_ALPHA = 0.8
LEAST_ALPHA = 0.667
# From this share of suspected labels on, and at least so many objects, they cannot wait.
_MANY_ERRORS, _ENOUGH_OBJECTS = 0.1, 100


def advise_on_annotators(report: ProjectReport) -> Iterator[Advice]:
    """Yield what to do about people who accept what they are shown, or label unlike the others."""
    for each in report.annotators:
        if each.warning is not None and each.untouched is not None:
            name = name_of(report, each.annotator)
            talk, find_out = f"Talk to {name} about looking at each image", f"Find out how {name} works"
            yield Advice(
                Topic.ANNOTATORS,
                Urgency.NOW if each.has_evidence else Urgency.SOON,
                talk if each.has_evidence else find_out,
                f"{write_percent(each.untouched)} submitted as shown",
                each.warning,
                command(report, "annotators"),
            )
    for rater in report.agreement.raters:
        if not rater.is_unlike or rater.rater.kind is not RaterKind.ANNOTATOR:
            continue
        if rater.f1 is not None and rater.f1_of_others is not None:
            name = name_of(report, rater.rater.id)
            yield Advice(
                Topic.ANNOTATORS,
                Urgency.SOON,
                f"Go through some tasks together with {name}",
                f"F1 {write_estimate(rater.f1)} with the others, they {write_estimate(rater.f1_of_others)}",
                f"The labels of {name} are surely less like those of the others than theirs are like each "
                "other. That does not say who is right: agree on a rule.",
                command(report, "agreement"),
            )


def advise_on_agreement(report: ProjectReport) -> Iterator[Advice]:
    """Yield what to do about agreement: measure it, or mend it."""
    agreement = report.agreement
    if not any(each.annotations for each in report.annotators):
        return
    if not agreement.overall.tasks and not any(each.tasks for each in agreement.choices):
        yield Advice(
            Topic.AGREEMENT,
            Urgency.SOON,
            "Let a tenth of the tasks be labelled by two people",
            "0 tasks labelled by several people",
            "Where people disagree no model can be right, and nobody knows how far they do until two of them "
            "label the same tasks.",
            command(report, "overlap --share 0.1 --annotators 2"),
        )
        return
    found = (_on_names(report), _on_regions(report))
    yield from (each for each in found if each is not None)


def is_agreement_known(report: ProjectReport) -> bool:
    """Return whether enough tasks were labelled by several people to see that they disagree."""
    overall, choices = report.agreement.overall, report.agreement.choices
    known = [(overall.tasks, overall.f1), *((each.tasks, each.alpha) for each in choices)]
    return any(tasks >= FEWEST_TASKS and figure is not None for tasks, figure in known)


def advise_on_label_errors(report: ProjectReport) -> Iterator[Advice]:
    """Yield that suspected labels should be checked."""
    errors = report.label_errors
    count = sum(errors.counts.values())
    if not count:
        return
    is_many = errors.objects >= _ENOUGH_OBJECTS and count >= _MANY_ERRORS * errors.objects
    kinds = ", ".join(f"{kind} ({errors.counts[kind]:,})" for kind in ErrorKind if errors.counts.get(kind))
    yield Advice(
        Topic.LABEL_ERRORS,
        Urgency.NOW if is_many else Urgency.SOON,
        "Check the labels that are probably wrong, the most suspect first",
        f"{count:,} suspected, {errors.objects:,} objects looked at",
        f"Models that never saw these labels say otherwise: {kinds}. A wrong label teaches the model to be "
        "wrong, and spoils the figures that it is judged by.",
        command(report, "errors"),
    )


def _on_names(report: ProjectReport) -> Advice | None:
    """Advise on the label, or the choice, whose meaning people agree on least."""
    labels = [
        (each.label, each.agreement.tasks, each.agreement.alpha_matched) for each in report.agreement.labels
    ]
    choices = [(each.control, each.tasks, each.alpha) for each in report.agreement.choices]
    low: list[tuple[Estimate, str]] = [
        (alpha, name)
        for name, tasks, alpha in (*labels, *choices)
        if alpha is not None and tasks >= FEWEST_TASKS and alpha.value < FIRM_ALPHA
    ]
    if not low:
        return None
    # What is sure comes before what looks worse of fewer tasks.
    alpha, name = min(low, key=lambda each: (each[0].high >= LEAST_ALPHA, each[0].value, each[1]))
    is_useless = alpha.high < LEAST_ALPHA
    if is_useless:
        limit = f"surely below {LEAST_ALPHA:g}, labels are not reliable enough to go by"
    elif alpha.value < LEAST_ALPHA:
        limit = f"below {LEAST_ALPHA:g} labels are not reliable enough to go by, and that may be so here"
    else:
        limit = f"from {LEAST_ALPHA:g} to {FIRM_ALPHA:g} labels are good for tentative conclusions only"
    more = len(low) - 1
    others = (
        f" {write_count(more, 'other')} {'is' if more == 1 else 'are'} below {FIRM_ALPHA:g} too."
        if more
        else ""
    )
    return Advice(
        Topic.AGREEMENT,
        Urgency.NOW if is_useless else Urgency.SOON,
        f'Write down what is "{name}" and what is not, with examples',
        f'alpha {write_estimate(alpha)} for "{name}"',
        f"People give the same things different names; {limit} (Krippendorff).{others}",
        command(report, "agreement"),
    )


def _on_regions(report: ProjectReport) -> Advice | None:
    """Advise on what is marked at all, where people agree less than the model is asked to."""
    f1, target = report.agreement.overall.f1, report.outlook.target
    if f1 is None or report.agreement.overall.tasks < FEWEST_TASKS or f1.high >= target:
        return None
    return Advice(
        Topic.AGREEMENT,
        Urgency.SOON,
        "Agree on what must be marked, and how closely",
        f"F1 {write_estimate(f1)} between people, target of the model {target:g}",
        "People surely agree less with each other than the model is asked to agree with them, so more images "
        "alone will not bring it there. The tasks with least agreement show what is unclear.",
        command(report, "agreement"),
    )
