"""What to do next: which lines there are, and in which order."""

from dataclasses import replace

from backend.report.advice import Topic, Urgency
from backend.report.advise import MOST_LINES, advise
from backend.report.entities import ProjectReport
from backend.review.entities import ReviewState
from backend.stats.change import Measure, Verdict
from tests.backend.report.calm_report import (
    NO_AGREEMENT,
    REVIEWED,
    WAITING,
    cell,
    drift,
    lines_of,
    quality,
    the_line,
    version,
)
from tests.backend.report.makers import VERSIONS, make_report


def test_where_nothing_is_wrong_the_first_line_says_so(calm: ProjectReport) -> None:
    found = advise(calm, REVIEWED)
    assert found[0].todo == "Nothing needs to be done now" and found[0].figure.startswith("F1 0.9")
    assert {line.urgency for line in found} == {Urgency.FINE}


def test_what_was_not_found_is_kept_apart_from_what_cannot_be_told(calm: ProjectReport) -> None:
    first = advise(calm, REVIEWED)[0]
    assert first.reason == (
        "Looked for and not found: disagreement between people, labels that are probably wrong. "
        "Too little is known yet to find: a fall of quality, images unlike those trained on."
    )
    two = quality(
        version(VERSIONS[0], cell(45, right=9), cell(5, right=9, is_blind=True)),
        version(VERSIONS[1], cell(45, right=9)),
    )
    same = replace(calm.drift, measures=(drift(Measure.SCORES, Verdict.NONE, 0.01),))
    assert advise(replace(calm, quality=two, drift=same), REVIEWED)[0].reason == (
        "Looked for and not found: a fall of quality, disagreement between people, labels that are probably "
        "wrong, images unlike those trained on."
    )


def test_new_project_is_not_said_to_be_well(calm: ProjectReport) -> None:
    new = replace(
        calm,
        quality=quality(),
        annotators=(),
        agreement=NO_AGREEMENT,
        label_errors=replace(calm.label_errors, objects=0),
    )
    first = advise(new, REVIEWED)[0]
    assert first.figure == "200 reviewed tasks" and "not found" not in first.reason
    assert first.reason.startswith("Too little is known yet to find: a fall of quality, disagreement")


def test_most_urgent_come_first_at_most_eight_and_two_of_a_topic() -> None:
    found = advise(make_report(), WAITING)
    order = [Urgency.NOW, Urgency.SOON, Urgency.FINE]
    assert [line.urgency for line in found] == sorted((line.urgency for line in found), key=order.index)
    assert len(found) <= MOST_LINES
    topics = [line.topic for line in found]
    assert max(topics.count(topic) for topic in topics) <= 2
    assert "Nothing needs to be done now" not in [line.todo for line in found]


def test_every_line_has_its_number_and_reason_and_commands_name_the_project() -> None:
    for line in advise(make_report(12), WAITING):
        assert any(character.isdigit() for character in line.figure), line
        assert line.reason.endswith(".") and not line.todo.endswith(".")
        assert line.command is None or (
            line.command.startswith("python -m backend ") and "--project 12" in line.command
        )


def test_empty_project_is_told_to_import_images(calm: ProjectReport) -> None:
    nothing = dict.fromkeys(ReviewState, 0)
    empty = replace(calm, quality=quality(), annotators=(), agreement=NO_AGREEMENT)
    assert the_line(empty, Topic.IMAGES, nothing).todo.startswith("Import images")
    assert not lines_of(empty, Topic.AGREEMENT, nothing), "nobody has labelled anything yet"
