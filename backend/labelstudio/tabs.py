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

from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.project_tasks import ProjectTasks

TITLE = "Model unsure first"
# The name comes first, since the page cuts long titles.
_SUFFIX = ": unsure first"
# What Label Studio's page calls the tab that it makes by itself.
_ALL_TASKS = "Default"
_SCORE = "predictions_score"
_ORDERING = [f"tasks:{_SCORE}"]
# Above this a tab for each would bury the other tabs; the one for all stays.
MOST_ANNOTATORS = 50

Item = dict[str, Any]


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
    views = client.request("GET", "api/dm/views/", params={"project": project_id})
    found = {view["data"].get("title"): view for view in reversed(views) if view["data"]}
    wanted = {TITLE: _conditions(), **_shares(client, project_id)}
    missing = [title for title in wanted if title not in found]
    if missing:
        hidden = _hidden_columns(client, project_id)
        if not views:
            _create(client, project_id, {"title": _ALL_TASKS, "hiddenColumns": hidden})
        for title in missing:
            _create(client, project_id, {"title": title, "hiddenColumns": hidden, **_listing(wanted[title])})
    for title in wanted.keys() - set(missing):
        _mend(client, project_id, found[title], wanted[title])
    for title, view in found.items():
        if _is_ours(title, view) and title not in wanted:
            _delete(client, view["id"])
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


def _listing(items: Sequence[Item]) -> dict[str, Any]:
    return {"filters": {"conjunction": "and", "items": list(items)}, "ordering": _ORDERING}


def _hidden_columns(client: LabelStudioClient, project_id: int) -> dict[str, list[str]]:
    """Return Label Studio's own choice of hidden columns, with the score shown."""
    columns = client.request("GET", "api/dm/columns/", params={"project": project_id})["columns"]
    hidden: dict[str, list[str]] = {"explore": [], "labeling": []}
    for column in columns:
        name = f"tasks:{'data.' if column.get('parent') == 'data' else ''}{column['id']}"
        for view, is_shown in column.get("visibility_defaults", {}).items():
            if not is_shown and (view, column["id"]) != ("explore", _SCORE):
                hidden.setdefault(view, []).append(name)
    return hidden


def _create(client: LabelStudioClient, project_id: int, data: Mapping[str, Any]) -> None:
    body = {"project": project_id, "data": {"type": "list", "target": "tasks", **data}}
    client.request("POST", "api/dm/views/", body=body, is_repeatable=False)


def _mend(client: LabelStudioClient, project_id: int, view: Mapping[str, Any], items: Sequence[Item]) -> None:
    data = {name: value for name, value in view["data"].items() if name != "selectedItems"}
    present = data.get("filters") or {"conjunction": "and", "items": []}
    columns = {item["filter"] for item in items}
    theirs = [item for item in present["items"] if item["filter"] not in columns]
    listing = _listing([*items, *theirs])
    # Label Studio keeps the conditions of a tab that it replaces for ever, so nothing is written in vain.
    if any(data.get(name) != value for name, value in listing.items()):
        body = {"project": project_id, "data": {**data, **listing}}
        client.request("PATCH", f"api/dm/views/{view['id']}/", body=body)


def _is_ours(title: str | None, view: Mapping[str, Any]) -> bool:
    return title is not None and title.endswith(_SUFFIX) and view["data"].get("ordering") == _ORDERING


def _delete(client: LabelStudioClient, view_id: int) -> None:
    try:
        client.request("DELETE", f"api/dm/views/{view_id}/")
    except LabelStudioError as error:
        if error.refused_with != 404:  # gone already
            raise
