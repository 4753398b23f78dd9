"""Names that people know: of a project, and of those who annotate in it."""

from backend.labelstudio.client import LabelStudioClient

# What Label Studio gives in place of an address for those who left.
_GONE = "Deleted"


def read_title(client: LabelStudioClient, project_id: int) -> str:
    """Return the project's title.

    Raises:
        LabelStudioError: no token is set, or Label Studio refuses or is out of reach.
    """
    return str(client.request("GET", f"api/projects/{project_id}/")["title"])


def read_people(client: LabelStudioClient, project_id: int) -> dict[int, str]:
    """Return the names of those who have annotated in the project, by id: full name, else address.

    Raises:
        LabelStudioError: no token is set, or Label Studio refuses or is out of reach.
    """
    people = client.request("GET", f"api/projects/{project_id}/annotators/")
    return {person["id"]: _name(person) for person in people if person["email"] != _GONE}


def _name(person: dict[str, str]) -> str:
    return f"{person['first_name']} {person['last_name']}".strip() or person["email"]
