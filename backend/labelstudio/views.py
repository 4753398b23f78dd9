"""Read, make, replace and delete the tabs of Label Studio's Data Manager, which its API calls views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient

# What Label Studio's page calls the tab that it makes by itself where a project has none.
_ALL_TASKS = "Default"

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """One tab. `data` is what the page knows of it: title, columns, filters, ordering."""

    id: int
    data: Mapping[str, Any]

    @property
    def title(self) -> str | None:
        """What is written on the tab."""
        return self.data.get("title")


@dataclass(frozen=True, slots=True)
class Listing:
    """Which tasks a tab lists: those that meet one ("or") or all ("and") of the conditions, in an order.

    An item is a condition as Label Studio writes it; `ordering` names a column, as in "tasks:id".
    """

    conjunction: str
    items: Sequence[Item]
    ordering: str

    def to_data(self) -> dict[str, Any]:
        """Return the listing as a part of a tab's data."""
        filters = {"conjunction": self.conjunction, "items": list(self.items)}
        return {"filters": filters, "ordering": [self.ordering]}


class ProjectViews:
    """The tabs of one project. Every call raises LabelStudioError where Label Studio refuses or is away."""

    def __init__(self, client: LabelStudioClient, project_id: int) -> None:
        self._client = client
        self._project_id = project_id

    def read(self) -> list[View]:
        """Return the tabs, from left to right."""
        rows = self._client.request("GET", "api/dm/views/", params={"project": self._project_id})
        return [View(row["id"], row["data"] or {}) for row in rows]

    def keep(
        self, listings: Mapping[str, Listing], *, shown: Sequence[str] = (), adds_conditions: bool = False
    ) -> list[View]:
        """Make or mend the tabs of these titles; return all that there were.

        Of several tabs of one title the first is mended. Columns and the like stay as people chose them.
        Nothing is written where nothing changed: Label Studio keeps replaced conditions for ever.

        Args:
            listings: What each tab lists, by its title.
            shown: Columns that a new tab shows though Label Studio would hide them.
            adds_conditions: Whether people's conditions on other columns stay beside these.
        """
        present = self.read()
        found = {view.title: view for view in reversed(present)}
        missing = [title for title in listings if title not in found]
        if missing:
            # All columns are shown where none is hidden, also those that load every prediction's results.
            hidden = {"hiddenColumns": self._hidden_columns(shown)}
            if not present:
                self._create({"title": _ALL_TASKS, **hidden})
            for title in missing:
                self._create({"title": title, **hidden, **listings[title].to_data()})
        for title in listings.keys() - set(missing):
            self._mend(found[title], listings[title], adds_conditions=adds_conditions)
        return present

    def delete(self, view: View) -> None:
        """Delete a tab; one that is gone already is none to delete."""
        try:
            self._client.request("DELETE", f"api/dm/views/{view.id}/")
        except LabelStudioError as error:
            if error.refused_with != 404:
                raise

    def _hidden_columns(self, shown: Sequence[str]) -> dict[str, list[str]]:
        """Return Label Studio's own choice of hidden columns, without those shown in its list."""
        columns = self._client.request("GET", "api/dm/columns/", params={"project": self._project_id})
        hidden: dict[str, list[str]] = {"explore": [], "labeling": []}
        for column in columns["columns"]:
            name = f"tasks:{'data.' if column.get('parent') == 'data' else ''}{column['id']}"
            for place, is_shown in column.get("visibility_defaults", {}).items():
                if not is_shown and (place != "explore" or column["id"] not in shown):
                    hidden.setdefault(place, []).append(name)
        return hidden

    def _create(self, data: Mapping[str, Any]) -> None:
        body = {"project": self._project_id, "data": {"type": "list", "target": "tasks", **data}}
        self._client.request("POST", "api/dm/views/", body=body, is_repeatable=False)

    def _mend(self, view: View, listing: Listing, *, adds_conditions: bool) -> None:
        items = (view.data.get("filters") or {}).get("items", []) if adds_conditions else []
        columns = {item["filter"] for item in listing.items}
        theirs = [item for item in items if item["filter"] not in columns]
        wanted = replace(listing, items=[*listing.items, *theirs]).to_data()
        if any(view.data.get(name) != value for name, value in wanted.items()):
            data = {name: value for name, value in view.data.items() if name != "selectedItems"}
            body = {"project": self._project_id, "data": {**data, **wanted}}
            self._client.request("PATCH", f"api/dm/views/{view.id}/", body=body)
