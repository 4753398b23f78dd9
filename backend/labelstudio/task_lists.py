"""Keep tabs in Label Studio's Data Manager that list certain tasks in a certain order.

What its Data Manager does (1.23.2, SQLite and PostgreSQL alike), beside what is said in `tabs`:
- A tab cannot hold a list of ids. The operator "in_list" works through the API, but a page that meets it in
  any tab of the project shows nothing at all. Conditions of which one must hold are shown and stay.
- A tab is ordered by one column. None is free to be set, but "Updated at" is the moment at which a task was
  last written, whatever was written: tasks that are written one after the other, without changing anything,
  stand in that order. An annotation writes its task too, which then goes to the end, where it is out of the
  way. Drafts, and predictions that are imported, do not.
- "Label Tasks As Displayed" serves the first task in the tab's order that has not all its annotations, and
  none from this annotator.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, pairwise

from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.people import read_people
from backend.labelstudio.project_tasks import ProjectTasks
from backend.labelstudio.views import Item, Listing, ProjectViews, View

NEXT_TITLE = "Next to label"
ERRORS_TITLE = "Suspected label errors"
# The name comes first, since the page cuts long titles.
_SUFFIX = ": next to label"
# Above this a tab for each would bury the other tabs; the one for all stays.
MOST_ANNOTATORS = 50
_ORDERING = "tasks:updated_at"
# No task has it: a tab without conditions would list them all.
_NO_ID = 0


def errors_title(kind: str = "") -> str:
    """Return the title of the tab of suspected label errors, of one kind where it is given."""
    return f"{ERRORS_TITLE}: {kind}" if kind else ERRORS_TITLE


def annotator_titles(people: Mapping[int, str]) -> list[str]:
    """Return the titles of the annotators' own tabs of the next tasks; none where there are not several.

    Args:
        people: Names of those who have annotated in the project, by id.
    """
    names = list(people.values())
    if not 2 <= len(names) <= MOST_ANNOTATORS:
        return []
    return [
        f"{name}{f' ({person})' if names.count(name) > 1 else ''}{_SUFFIX}" for person, name in people.items()
    ]


def keep_list_tab(client: LabelStudioClient, project_id: int, title: str, task_ids: Sequence[int]) -> None:
    """Make or mend the tab of this title, so that it lists exactly these tasks, in this order.

    A task that is labelled while it is listed goes to the end. Each task that is not in its place takes a
    request; other tabs of this kind that list some of the same tasks follow this order then.

    Args:
        client: Label Studio.
        project_id: Of the tasks.
        title: Names the tab; one of this title is replaced, whoever made it.
        task_ids: Those that are gone are left out. Without any, the tab lists none.

    Raises:
        LabelStudioError: refused, or out of reach.
    """
    _put_in_order(client, project_id, task_ids)
    ProjectViews(client, project_id).keep({title: _listing(task_ids)})


def keep_next_tabs(client: LabelStudioClient, project_id: int, task_ids: Sequence[int]) -> list[str]:
    """Make or mend the tab of the tasks to label next, and one for each of several annotators.

    The annotators' tabs are disjoint and together hold every task: they are dealt out in turn, so that each
    tab begins with some of the best, and two people who label "as displayed" never open the same one.
    Whoever has annotated in the project counts as an annotator. Tabs of former annotators go.

    Returns:
        The tabs' titles, that for all first.

    Raises:
        LabelStudioError: refused, or out of reach.
    """
    titles = annotator_titles(read_people(client, project_id))
    shares = {title: task_ids[place :: len(titles)] for place, title in enumerate(titles)}
    wanted = {NEXT_TITLE: task_ids, **shares}
    _put_in_order(client, project_id, task_ids)
    views = ProjectViews(client, project_id)
    for view in views.keep({title: _listing(ids) for title, ids in wanted.items()}):
        if _is_ours(view) and view.title not in wanted:
            views.delete(view)
    return list(wanted)


def _is_ours(view: View) -> bool:
    is_named_so = view.title is not None and view.title.endswith(_SUFFIX)
    return is_named_so and view.data.get("ordering") == [_ORDERING]


def _listing(task_ids: Sequence[int]) -> Listing:
    return Listing("or", [_condition(*run) for run in _runs(task_ids)], _ORDERING)


def _runs(task_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each run of ids without a gap: Label Studio asks its database per condition."""
    ids = sorted(set(task_ids)) or [_NO_ID]
    for _, run in groupby(enumerate(ids), key=lambda placed: placed[1] - placed[0]):
        members = [task_id for _, task_id in run]
        yield members[0], members[-1]


def _condition(first: int, last: int) -> Item:
    is_one = first == last
    return {
        "filter": "filter:tasks:id",
        "operator": "equal" if is_one else "in",
        "type": "Number",
        "value": first if is_one else {"min": first, "max": last},
    }


def _put_in_order(client: LabelStudioClient, project_id: int, task_ids: Sequence[int]) -> None:
    """Write the tasks one after the other, as far as they do not stand so already."""
    pages = ProjectTasks(client, project_id).rows_of(sorted(task_ids), "id,updated_at")
    moments = {row["id"]: datetime.fromisoformat(row["updated_at"]) for page in pages for row in page}
    present = [task_id for task_id in task_ids if task_id in moments]
    steps = [moments[one] < moments[other] for one, other in pairwise(present)]
    # What comes up to the first step back stands well: all that is written now comes after it.
    for task_id in present[1 + [*steps, False].index(False) :]:
        try:
            client.request("PATCH", f"api/tasks/{task_id}/", body={})
        except LabelStudioError as error:
            if error.refused_with != 404:  # deleted since
                raise
