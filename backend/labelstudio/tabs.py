"""Keep the Data Manager's tabs that list what the model is unsure of, lowest score first.

What Label Studio's Data Manager does (1.23.2, SQLite and PostgreSQL alike):
- The score of a task is the mean over its predictions of exactly the project's model version, of all its
  predictions where the project names none; a task without any has no score and meets no comparison.
- "Completed" is empty until a task has all the annotations that the project asks for.
- A page that shows a tab writes back what it cannot show: a regular expression on ids becomes empty, and the
  tab fails from then on. A range of ids is shown and stays.
- A tab without hidden columns shows all of them, also those that load every result of every prediction.
- It makes its own tab of all tasks only where a project has no tab.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.project_tasks import ProjectTasks
from backend.labelstudio.views import Item, Listing, ProjectViews, View

TITLE = "Model unsure first"
# The name comes first, since the page cuts long titles.
_SUFFIX = ": unsure first"
_SCORE = "predictions_score"
_ORDERING = f"tasks:{_SCORE}"
# Above this a tab for each would bury the other tabs; the one for all stays.
MOST_ANNOTATORS = 50


def keep_unsure_tabs(client: LabelStudioClient, project_id: int) -> list[str]:
    """Make or mend the tab of unfinished tasks by ascending score, and one for each of several annotators.

    The annotators' tabs are disjoint ranges of ids, of equal size among all tasks, which together hold every
    task: two people who label "as displayed" never open the same one. Whoever has annotated in the project
    counts as an annotator. What people changed in such a tab, other than its order and these conditions,
    stays. Tabs of former annotators go.

    Returns:
        The tabs' titles.

    Raises:
        LabelStudioError: refused, or out of reach.
    """
    wanted = {TITLE: _conditions(), **_shares(client, project_id)}
    listings = {title: Listing("and", items, _ORDERING) for title, items in wanted.items()}
    views = ProjectViews(client, project_id)
    for view in views.keep(listings, shown=[_SCORE], adds_conditions=True):
        if _is_ours(view) and view.title not in wanted:
            views.delete(view)
    return list(wanted)


def _conditions() -> list[Item]:
    return [
        _item(_SCORE, "greater_or_equal", "Number", 0),
        _item("completed_at", "empty", "Datetime", True),
    ]


def _shares(client: LabelStudioClient, project_id: int) -> dict[str, list[Item]]:
    """Return the conditions of each annotator's tab by its title; none where there are not several."""
    people = client.request("GET", f"api/projects/{project_id}/annotators/")
    # Label Studio gives those who left this name in place of an address.
    names = _names([person for person in people if person["email"] != "Deleted"])
    if not 2 <= len(names) <= MOST_ANNOTATORS:
        return {}
    starts = ProjectTasks(client, project_id).ids_at_shares(len(names))
    if not starts:  # all tasks were deleted meanwhile
        return {}
    return {f"{name}{_SUFFIX}": [*_conditions(), _range(starts, number)] for number, name in enumerate(names)}


def _names(people: Sequence[Mapping[str, Any]]) -> list[str]:
    full = [f"{p['first_name']} {p['last_name']}".strip() or p["email"] for p in people]
    return [
        f"{name} ({p['email']})" if full.count(name) > 1 else name
        for name, p in zip(full, people, strict=True)
    ]


def _range(starts: Sequence[int], number: int) -> Item:
    """Return the condition of one share; the first and the last are open, for tasks that are still to come.

    `starts` are the first ids of all shares but the first, ascending.
    """
    if number == 0:
        return _item("id", "less", "Number", starts[0])
    if number == len(starts):
        return _item("id", "greater_or_equal", "Number", starts[-1])
    return _item("id", "in", "Number", {"min": starts[number - 1], "max": starts[number] - 1})


def _item(column: str, operator: str, kind: str, value: object) -> Item:
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}


def _is_ours(view: View) -> bool:
    is_named_so = view.title is not None and view.title.endswith(_SUFFIX)
    return is_named_so and view.data.get("ordering") == [_ORDERING]
