"""Names that people know: of a project, and of those who annotate in it."""

from typing import Any

from backend.labelstudio.client import LabelStudioClient, api_error, translate_errors

# What Label Studio gives in place of an address for those who left.
_GONE = "Deleted"
_SECONDS = 5.0


def read_title(client: LabelStudioClient, project_id: int) -> str:
    """Return the project's title.

    Raises:
        LabelStudioError: no token is set, or Label Studio refuses or is out of reach.
    """
    return str(_get(client, f"api/projects/{project_id}/")["title"])


def read_people(client: LabelStudioClient, project_id: int) -> dict[int, str]:
    """Return the names of those who have annotated in the project, by id: full name, else address.

    Raises:
        LabelStudioError: no token is set, or Label Studio refuses or is out of reach.
    """
    people = _get(client, f"api/projects/{project_id}/annotators/")
    return {person["id"]: _name(person) for person in people if person["email"] != _GONE}


@translate_errors
def _get(client: LabelStudioClient, path: str) -> Any:
    # Asked once and not for long: names are no reason for anything else to wait.
    response = client.send("GET", path, timeout=_SECONDS)
    if not response.is_success:
        raise api_error(response)
    return response.json()


def _name(person: dict[str, str]) -> str:
    return f"{person['first_name']} {person['last_name']}".strip() or person["email"]
