"""What people and versions are called in charts."""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date

from backend.stats.task_agreement import Rater, RaterKind

# The names that runs give their versions: `version_artifact`, and a digest.
_TRAINED = re.compile(r"project-\d+-v(\d+)-[0-9a-f]+")


def short_version(version: str) -> str:
    """Return "v3" for a version that a run made; any other name as it is. Of joined versions, each part."""
    return _TRAINED.sub(r"v\1", version)


def person_name(person: int | None, names: Mapping[int, str]) -> str:
    """Return an annotator's name, or a number where Label Studio has none; `names` are by id."""
    if person is None:
        return "unknown annotator"
    return names.get(person) or f"annotator {person}"


def distinct_names(names: Mapping[int, str]) -> dict[int, str]:
    """Return names by id such that no two are equal: of namesakes each has the id behind the name."""
    times = Counter(names.values())
    return {person: f"{name} ({person})" if times[name] > 1 else name for person, name in names.items()}


def rater_name(rater: Rater, names: Mapping[int, str]) -> str:
    """Return who somebody is whose labels were compared."""
    return person_name(rater.id, names) if rater.kind == RaterKind.ANNOTATOR else str(rater)


def day(when: date) -> str:
    """Write a day, such as 2 March 2026."""
    return f"{when.day} {when:%B %Y}"
