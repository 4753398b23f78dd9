"""A share of a project's tasks for several people, in a real Label Studio."""

from collections import Counter
from collections.abc import Iterator

import pytest
from label_studio_sdk.client import LabelStudio

from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.overlap import NO_OVERLAP, Overlap, OverlapChange, set_overlap
from demo.project import LABEL_CONFIG

from .projects import call
from .servers import LabelStudioServer

TASKS = 20


@pytest.fixture
def client(label_studio: LabelStudioServer) -> Iterator[LabelStudioClient]:
    made = LabelStudioClient(label_studio.url, label_studio.token)
    yield made
    made.close()


@pytest.fixture
def project_id(sdk: LabelStudio) -> int:
    made = sdk.projects.create(title="For several people", label_config=LABEL_CONFIG)
    tasks = [{"data": {"image": f"http://example.com/{number}.jpg"}} for number in range(TASKS)]
    call(sdk, "POST", f"api/projects/{made.id}/import", json=tasks)
    return int(made.id)


def overlaps(sdk: LabelStudio, project_id: int) -> Counter[int]:
    """Count tasks by how many people label them."""
    fields = {"project": project_id, "page_size": TASKS, "fields": "all"}
    return Counter(task["overlap"] for task in call(sdk, "GET", "api/tasks", params=fields)["tasks"])


def test_share_of_tasks_goes_to_several_people_until_it_is_off(
    sdk: LabelStudio, client: LabelStudioClient, project_id: int
):
    some = Overlap(annotators=2, percent=25, is_first=True)
    assert overlaps(sdk, project_id) == {1: TASKS}

    assert set_overlap(client, project_id, some) == OverlapChange(NO_OVERLAP, some, TASKS)
    assert overlaps(sdk, project_id) == {1: 15, 2: 5}

    assert set_overlap(client, project_id, some) == OverlapChange(some, some, TASKS)
    assert overlaps(sdk, project_id) == {1: 15, 2: 5}

    more = Overlap(annotators=3, percent=25, is_first=False)
    set_overlap(client, project_id, more)
    assert overlaps(sdk, project_id) == {1: 15, 3: 5}

    set_overlap(client, project_id, NO_OVERLAP)
    assert overlaps(sdk, project_id) == {1: TASKS}
