"""A stand-in for Label Studio with one project: only the routes of a pre-labelling job, and next to no cost.

`python -m benchmarks.stand_in FOLDER PORT` serves the images of a folder, in a process of its own.
"""

import json
import logging
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, jsonify, request, send_from_directory
from flask.typing import ResponseReturnValue
from werkzeug.serving import make_server

PROJECT = 1


@dataclass
class State:
    """The project: `tasks` are image addresses by id, `versions` those of each task's predictions."""

    label_config: str = ""
    tasks: dict[int, str] = field(default_factory=dict)
    versions: dict[int, list[str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the project as Label Studio describes it."""
        return {"id": PROJECT, "title": "Benchmark", "label_config": self.label_config}

    def selected(self, query: dict[str, Any]) -> list[int]:
        """Return the ids that a query of the Data Manager names, or those above the one that it starts at."""
        if "selectedItems" in query:
            return [i for i in query["selectedItems"]["included"] if i in self.tasks]
        items = query.get("filters", {}).get("items", [])
        after = [item["value"] for item in items if item["filter"] == "filter:tasks:id"]
        return [i for i in self.tasks if i > max(after, default=0)]


def create_stand_in(folder: Path) -> Flask:
    """Build the application; `PUT /project` fills it anew."""
    app = Flask(__name__)
    state = State()

    @app.get("/health")
    def health() -> ResponseReturnValue:
        return {"status": "UP"}

    @app.get("/data/upload/<path:name>")
    def upload(name: str) -> ResponseReturnValue:
        return send_from_directory(folder, name)

    @app.put("/project")
    def reset() -> ResponseReturnValue:
        state.label_config = request.json["label_config"]
        state.tasks = dict(enumerate(request.json["images"], start=1))
        state.versions = {task_id: [] for task_id in state.tasks}
        return {}

    @app.route(f"/api/projects/{PROJECT}/", methods=["GET", "PATCH"])
    def project() -> ResponseReturnValue:
        return state.to_json()

    @app.get(f"/api/projects/{PROJECT}/model-versions/")
    def model_versions() -> ResponseReturnValue:
        return dict(Counter(version for held in state.versions.values() for version in held))

    @app.get("/api/tasks/")
    def tasks() -> ResponseReturnValue:
        ids = state.selected(json.loads(request.args.get("query", "{}")))
        page = [
            {
                "id": task_id,
                "data": {"image": state.tasks[task_id]},
                "predictions_model_versions": ",".join(state.versions[task_id]),
            }
            for task_id in ids[: int(request.args["page_size"])]
        ]
        predictions = sum(len(held) for held in state.versions.values())
        return {"tasks": page, "total": len(ids), "total_predictions": predictions}

    @app.post(f"/api/projects/{PROJECT}/import/predictions")
    def import_predictions() -> ResponseReturnValue:
        for item in request.json:
            state.versions[item["task"]].append(item["model_version"])
        return {"created": len(request.json)}, 201

    @app.get(f"/api/projects/{PROJECT}/annotators/")
    def annotators() -> ResponseReturnValue:
        return jsonify([])

    @app.get("/api/dm/columns/")
    def columns() -> ResponseReturnValue:
        return {"columns": []}

    @app.route("/api/dm/views/", methods=["GET", "POST"])
    def views() -> ResponseReturnValue:
        return jsonify([]) if request.method == "GET" else ({"id": 1}, 201)

    return app


def main() -> None:
    """Serve until it is ended."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    make_server("127.0.0.1", port, create_stand_in(folder), threaded=True).serve_forever()


if __name__ == "__main__":
    main()
