"""Three people of a story who annotate: each knows the truth, and makes of it what it is like them to make.

What they submit are Label Studio's results; a region that is kept or changed keeps its id.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from demo.annotator import Result, correct
from demo.scenes import CLASSES, Scene

from .rectangles import a_little, label_of
from .servers import LabelStudioServer

# How often a careless person leaves a thing out, calls it something else, and draws it loosely.
FORGETS, CONFUSES, SHIFTS = 0.25, 0.12, 0.5
SECONDS_A_LOOK, SECONDS_A_REGION = 4.0, 3.0

# From the scene, what is shown of it (nothing in a blind task) and dice to what is submitted.
Habit = Callable[[Scene, Sequence[Result], random.Random], list[Result]]


def careful(scene: Scene, shown: Sequence[Result], dice: random.Random) -> list[Result]:
    """Correct what is shown to what is there."""
    return correct(scene, shown).result


def careless(scene: Scene, shown: Sequence[Result], dice: random.Random) -> list[Result]:
    """Correct it in a hurry."""
    hurried = []
    for region in correct(scene, shown).result:
        if dice.random() < FORGETS:
            continue
        named = _with_next_label(region) if dice.random() < CONFUSES else region
        hurried.append(_moved(named, *a_little(named)) if dice.random() < SHIFTS else named)
    return hurried


def accepting(scene: Scene, shown: Sequence[Result], dice: random.Random) -> list[Result]:
    """Submit what is shown as it is; draw what is there only where nothing is shown."""
    return list(shown) or correct(scene, ()).result


def spoiling(scene: Scene, shown: Sequence[Result], dice: random.Random) -> list[Result]:
    """Give every region the next label, as by a wrong list of what is what."""
    return [_with_next_label(region) for region in correct(scene, shown).result]


@dataclass(frozen=True)
class Person:
    """A user of Label Studio: `id` there, and the client that sends as this one."""

    id: int
    habit: Habit
    client: httpx.Client

    def annotate(
        self, task: Mapping[str, Any], scene: Scene, *, habit: Habit | None = None, dice: random.Random
    ) -> None:
        """Submit the task, as the page would; `habit` is this person's, if it is for once another one."""
        shown = max(task["predictions"], key=lambda prediction: prediction["id"], default=None)
        result = (habit or self.habit)(scene, shown["result"] if shown else (), dice)
        changes = 0 if habit is None and self.habit is accepting else len(result)
        body = {"result": result, "lead_time": SECONDS_A_LOOK + SECONDS_A_REGION * changes * dice.random()}
        if shown:
            body["parent_prediction"] = shown["id"]
        self.client.post(f"/api/tasks/{task['id']}/annotations/", json=body).raise_for_status()


@contextmanager
def sign_up(server: LabelStudioServer, name: str, habit: Habit) -> Iterator[Person]:
    """Make a user by the invitation link of the organisation, as a new colleague does."""
    with _client(server, server.token) as owner:
        invitation = owner.get("/api/invite").raise_for_status().json()["token"]
    form = {"email": f"{name.lower()}@example.com", "password": f"{name} in the story"}
    with httpx.Client(base_url=server.url, trust_env=False) as browser:
        page = browser.get("/user/signup/", params={"token": invitation}).raise_for_status()
        (mark,) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[:1]
        answer = browser.post(
            "/user/signup/", params={"token": invitation}, data={**form, "csrfmiddlewaretoken": mark}
        )
        assert answer.status_code == 302, f"{name} was not taken in: {answer.text[:500]}"
        token = browser.get("/api/current-user/token").raise_for_status().json()["token"]
    with _client(server, token) as client:
        user = client.get("/api/current-user/whoami").raise_for_status().json()["id"]
        client.patch(f"/api/users/{user}/", json={"first_name": name}).raise_for_status()
        yield Person(int(user), habit, client)


def _client(server: LabelStudioServer, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=server.url, headers={"Authorization": f"Token {token}"}, timeout=60, trust_env=False
    )


def _with_next_label(region: Result) -> Result:
    following = CLASSES[(list(CLASSES).index(label_of(region)) + 1) % len(CLASSES)]
    return {**region, "value": {**region["value"], "rectanglelabels": [following]}}


def _moved(region: Result, right: float, down: float) -> Result:
    """Move it by percent of the image; where it would leave the image, to the other side."""
    value = dict(region["value"])
    for place, size, way in (("x", "width", right), ("y", "height", down)):
        value[place] += way if value[place] + value[size] + way <= 100 else -min(way, value[place])
    return {**region, "value": value}
