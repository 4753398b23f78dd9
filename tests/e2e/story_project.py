"""A project of a story in a real Label Studio: pictures come, are pre-labelled, reviewed and learnt."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations, cycle
from typing import Any

import cv2
import httpx
from label_studio_sdk.client import LabelStudio

from backend.inference.blind import is_blind
from backend.store.database import Database
from backend.store.event_queue import pending_ids
from backend.store.runs import list_runs
from backend.store.versions import champion_of
from backend.training.entities import TrainingRun
from demo.annotator import seed_of
from demo.make_scenes import JPEG_QUALITY
from demo.project import LABEL_CONFIG
from demo.scenes import Scene

from .processes import wait_for
from .projects import call
from .servers import Stack
from .story_clock import StoryClock
from .story_scenes import Seen, without_pixels
from .story_team import Habit, Person

PROCESSED_SECONDS = 120.0
RUN_SECONDS = 1800.0  # three times what it takes where nothing else runs
_FILES_A_REQUEST = 40
_MOST_TASKS = 1000

Task = Mapping[str, Any]


@dataclass(frozen=True)
class Reviews:
    """So many tasks were reviewed; `seen` are those that were not blind."""

    tasks: int
    seen: Sequence[Seen]


class StoryProject:
    """The project, as its manager and its annotators use it.

    Args:
        sdk: Label Studio, as the manager.
        stack: Ours.
        database: The stack's.
        clock: Theirs.
        blind: The stack's BLIND_FRACTION.
        title: Of the project, which is made and connected here.
        settings: Of its own, as `configure` takes them.
    """

    def __init__(
        self,
        sdk: LabelStudio,
        stack: Stack,
        database: Database,
        clock: StoryClock,
        *,
        blind: float,
        title: str,
        settings: Sequence[str],
    ) -> None:
        self._sdk = sdk
        self._stack = stack
        self._database = database
        self._clock = clock
        self._blind = blind
        self._scenes: dict[int, Scene] = {}
        self.id = int(sdk.projects.create(title=title, label_config=LABEL_CONFIG).id)
        self.run("connect")
        self.run("configure", *settings)

    def run(self, command: str, *arguments: str) -> str:
        """Run a command of ours for the project; return what it prints."""
        with self._clock.running():
            done = self._stack.run(command, "--project", str(self.id), *arguments)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def bring(self, scenes: Sequence[Scene]) -> None:
        """Let pictures arrive, and pre-label them."""
        for start in range(0, len(scenes), _FILES_A_REQUEST):
            some = scenes[start : start + _FILES_A_REQUEST]
            names = [f"scene_{scene.seed}.jpg" for scene in some]
            files = {
                name: (name, _jpeg(scene), "image/jpeg") for name, scene in zip(names, some, strict=True)
            }
            call(self._sdk, "POST", f"api/projects/{self.id}/import", files=files)
        self._scenes |= {scene.seed: without_pixels(scene) for scene in scenes}
        self.run("prelabel", "--only-unlabelled")

    def waiting(self) -> list[Task]:
        """Return the tasks that nobody has annotated, with their predictions, in the order of their ids."""
        query = {"project": self.id, "fields": "all", "page_size": _MOST_TASKS}
        tasks = call(self._sdk, "GET", "api/tasks", params=query)["tasks"]
        return sorted((task for task in tasks if not task["annotations"]), key=lambda task: task["id"])

    def review(
        self,
        people: Sequence[Person],
        team: Sequence[Person],
        *,
        habit: Habit | None = None,
        dice: random.Random,
    ) -> Reviews:
        """Have people annotate all that waits, and wait until that is counted.

        Args:
            people: Whose turn it is, picture by picture, over and over.
            team: Blind tasks go to two of it each, since there nobody is led by what is shown: what they
                agree on is their own. Who is named first comes last, and the newest labels count.
            habit: How people annotate but for blind tasks; None where each does as ever.
            dice: For what people do by chance.
        """
        tasks, seen = self.waiting(), []
        turns, pairs = cycle(people), cycle(combinations(team, 2))
        for task in tasks:
            scene = self._scenes[seed_of(task["data"]["image"])]
            if is_blind(self.id, task["id"], fraction=self._blind):
                for person in reversed(next(pairs)):
                    person.annotate(task, scene, dice=dice)
            else:
                next(turns).annotate(task, scene, habit=habit, dice=dice)
                seen.append(Seen(scene, newest_prediction(task)["result"]))
        self.await_events()
        return Reviews(len(tasks), seen)

    def await_events(self) -> None:
        """Wait until nothing that Label Studio told of the project waits to be processed."""
        wait_for(
            lambda: not pending_ids(self._database, self.id, limit=1),
            seconds=PROCESSED_SECONDS,
            what="events processed",
        )

    @property
    def runs(self) -> list[TrainingRun]:
        """The training runs, the oldest first."""
        return list(reversed(list_runs(self._database, project_id=self.id)))

    @property
    def champion(self) -> str | None:
        """The version in service; None where the weights of the settings are."""
        found = champion_of(self._database, self.id)
        return found.version if found else None

    def await_run(self, number: int) -> TrainingRun:
        """Wait until the project's run of that number, from 1, has begun by itself and ended."""
        wait_for(lambda: len(self.runs) >= number, seconds=PROCESSED_SECONDS, what=f"run {number} begun")
        wait_for(
            lambda: self.runs[number - 1].finished_at is not None,
            seconds=RUN_SECONDS,
            what=f"run {number} ended",
        )
        return self.runs[number - 1]

    def quality(self, week: date) -> Mapping[str, Any]:
        """Return what our server says of the one version that was corrected from this week on."""
        (found,) = self.read(f"projects/{self.id}/quality", since=week.isoformat())["versions"]
        return dict(found)

    def report(self, part: str) -> Any:
        """Return a part of the project's report, as our server last worked it out."""
        return self.read(f"projects/{self.id}/report/{part}")[part.replace("-", "_")]

    def look_for_alerts(self) -> frozenset[str]:
        """Have our command look at the project now; return the kinds of its open alerts."""
        self.run("alerts", "--check")
        return self.open_alerts()

    def open_alerts(self) -> frozenset[str]:
        """Return the kinds of the project's open alerts, as our server tells."""
        found = self.read("alerts", project=str(self.id), open="true")["alerts"]
        return frozenset(alert["kind"] for alert in found)

    def read(self, path: str, **query: str) -> Any:
        """Return what our server answers of the project, as JSON."""
        address = f"{self._stack.url}/{path}"
        answer = httpx.get(address, params=query, auth=self._stack.credentials, timeout=60, trust_env=False)
        return answer.raise_for_status().json()


def newest_prediction(task: Task) -> Mapping[str, Any]:
    """Return the prediction that the page shows of a task."""
    return max(task["predictions"], key=lambda prediction: prediction["id"])


def _jpeg(scene: Scene) -> bytes:
    is_written, data = cv2.imencode(".jpg", scene.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert is_written
    return data.tobytes()
