"""The review table over HTTP: JSON by the page, or CSV for a spreadsheet."""

from flask import Blueprint, Response, jsonify, request

from backend.endpoints.auth import require_caller
from backend.endpoints.context import get_services
from backend.endpoints.query import read_number, read_version, refuse_unknown
from backend.errors import BadRequest
from backend.review.entities import ReviewState
from backend.review.table import BYTE_ORDER_MARK, ReviewFilter, read_since, review_to_json, reviews_to_csv
from backend.store.reviews import MOST_ROWS, check_project, count_states, list_reviews, read_pages

blueprint = Blueprint("reviews", __name__)
blueprint.before_request(require_caller)

_ROWS = 100
_PARAMETERS = ("state", "annotator", "version", "corrected", "blind", "since", "after", "limit", "format")
_JSON, _CSV = "application/json", "text/csv"


@blueprint.get("/projects/<int:project_id>/reviews")
def reviews(project_id: int) -> Response:
    """List the project's tasks with what annotators changed in them; `?format=csv` gives all as a file."""
    database = get_services().database
    refuse_unknown(_PARAMETERS)
    wanted, as_csv = _read_filter(), _wants_csv()
    after, limit = read_number("after", 0), read_number("limit", _ROWS)
    if not 1 <= limit <= MOST_ROWS:
        raise BadRequest(f'"limit" is {limit}; expected 1 to {MOST_ROWS}.')
    check_project(database, project_id)
    if as_csv:
        return _csv_answer(project_id, wanted)
    # One more than asked for tells whether there is another page.
    found = list_reviews(database, project_id, wanted, after=after, limit=limit + 1)
    page, has_more = found[:limit], len(found) > limit
    url = get_services().settings.label_studio_link
    return jsonify(
        {
            "reviews": [review_to_json(review, label_studio_url=url) for review in page],
            "next_after": page[-1].task if has_more else None,
            "totals": count_states(database, project_id),
        }
    )


def _csv_answer(project_id: int, wanted: ReviewFilter) -> Response:
    services = get_services()
    pages = read_pages(services.database, project_id, wanted)
    lines = reviews_to_csv(pages, label_studio_url=services.settings.label_studio_link)
    return Response(
        (text.encode() for part in ([BYTE_ORDER_MARK], lines) for text in part),
        content_type=f"{_CSV}; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="reviews-project-{project_id}.csv"'},
    )


def _read_filter() -> ReviewFilter:
    state, since = (request.args.get(name) for name in ("state", "since"))
    if state is not None and state not in list(ReviewState):
        raise BadRequest(f'"state" is {state[:80]!r}; expected one of {", ".join(ReviewState)}.')
    return ReviewFilter(
        state=ReviewState(state) if state else None,
        annotator=read_number("annotator", None),
        version=read_version(),
        corrected=_truth("corrected"),
        is_blind=_truth("blind"),
        since=read_since(since) if since is not None else None,
    )


def _wants_csv() -> bool:
    word = request.args.get("format")
    if word not in (None, "csv", "json"):
        raise BadRequest(f'"format" is {word[:80]!r}; expected csv or json.')
    # What takes either, as browsers and curl do, gets JSON.
    return word == "csv" if word else request.accept_mimetypes.best_match([_JSON, _CSV], _JSON) == _CSV


def _truth(name: str) -> bool | None:
    text = request.args.get(name)
    if text not in (None, "true", "false"):
        raise BadRequest(f'"{name}" is {text[:80]!r}; expected true or false.')
    return text == "true" if text else None
