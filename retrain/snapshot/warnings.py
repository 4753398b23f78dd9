"""What a person should know of the labels before trusting a model trained on them, in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.training.entities import Example, Side, TrainingTarget
from backend.training.names import MISSING_IMAGES
from retrain.snapshot.counts import object_counts

FEW_EXAMPLES = 300
FEW_OBJECTS = 10
# The largest label has so many times the objects of the smallest that is large enough to be learned at all.
IMBALANCE = 10
# Share of what several people marked that has no majority; among fewer things it is chance.
CONFLICT, FEW_THINGS = 0.1, 10
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found on the way to the examples.

    `unfetched` and `unread` say by task why its image could not be had, and what of its labels could not be
    read. `things` were marked by several people, of which `disputed` have no majority, in `shared` tasks.
    """

    unfetched: Mapping[int, str]
    unread: Mapping[int, str]
    shared: int = 0
    things: int = 0
    disputed: int = 0


def warnings_of(target: TrainingTarget, examples: Sequence[Example], found: Findings) -> tuple[str, ...]:
    """Return the warnings, in a fixed order; none where all is well."""
    return (
        *_about_images(examples),
        *_about_labels(object_counts(target, examples)),
        *_about_people(found),
        *_about_tasks(
            MISSING_IMAGES + "{} cannot be had, so a model learns nothing from {}", found.unfetched
        ),
        *_about_tasks("Some labels of {} cannot be used and are left out of {}", found.unread),
    )


def _about_images(examples: Sequence[Example]) -> list[str]:
    warnings = []
    if len(examples) < FEW_EXAMPLES:
        warnings.append(
            f"There are {_count(len(examples), 'image')}; with fewer than {FEW_EXAMPLES}, how good a model "
            "is depends much on chance."
        )
    sides = {example.side for example in examples}
    if Side.VAL not in sides:
        warnings.append("There are no val images, so the best epoch is chosen on the training images.")
    if Side.TEST not in sides:
        warnings.append("There are no test images, so the new model cannot be judged.")
    return warnings


def _about_labels(counts: Mapping[str, int]) -> list[str]:
    warnings = []
    none = [f'"{label}"' for label, count in counts.items() if not count]
    few = {f'"{label}" ({n})': n for label, n in counts.items() if 0 < n < FEW_OBJECTS}
    if none:
        warnings.append(f"No objects have the label {_named(none)}; a model cannot learn it.")
    if few:
        warnings.append(
            f"Labels with fewer than {FEW_OBJECTS} objects are hardly learned: {_named(list(few))}."
        )
    enough = {label: count for label, count in counts.items() if count >= FEW_OBJECTS}
    if enough:
        most, least = max(enough, key=enough.__getitem__), min(enough, key=enough.__getitem__)
        if enough[most] > IMBALANCE * enough[least]:
            warnings.append(
                f'The labels are out of balance: "{most}" has {enough[most]} objects, "{least}" has '
                f"{enough[least]}. Label more of the rare ones, or set TRAIN_CLASS_WEIGHTS."
            )
    return warnings


def _about_people(found: Findings) -> list[str]:
    if found.things < FEW_THINGS or found.disputed < CONFLICT * found.things:
        return []
    return [
        f"Annotators disagree: of {found.things} things marked in the {_count(found.shared, 'task')} that "
        f"several annotated, {found.disputed} ({found.disputed / found.things:.0%}) have no majority for one "
        "label. Agree on rules, or mark the right annotations as ground truth."
    ]


def _about_tasks(sentence: str, reasons: Mapping[int, str]) -> list[str]:
    if not reasons:
        return []
    first = sorted(reasons)[:_NAMED]
    named = "; ".join(f"task {task}: {reasons[task].rstrip('.')}" for task in first)
    text = sentence.format(_count(len(reasons), "task"), "them" if len(reasons) > 1 else "it")
    return [f"{text}. {named}{'; and others' if len(reasons) > len(first) else ''}."]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
