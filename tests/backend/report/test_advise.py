"""What to do next: which line comes of which figures, and in which order."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from backend.report.advice import Advice, Topic, Urgency
from backend.report.advise import MOST_LINES, advise
from backend.report.entities import ProjectReport
from backend.review.entities import ReviewState
from backend.stats.agreement import AgreementReport, ChoiceAgreement, LabelAgreement
from backend.stats.agreement_figures import Agreement
from backend.stats.change import Drift, Measure, Verdict, unknown
from backend.stats.intervals import Estimate
from backend.stats.label_errors import ErrorKind
from backend.stats.learning_curve import Outlook
from backend.stats.next_tasks import NextTasksReport
from backend.stats.outlook import ClassBalance, MoreImages
from backend.stats.quality import Cell, QualityReport, Sums, VersionSums, assess, assess_weeks
from tests.backend.report.makers import NAMES, VERSIONS, make_report

REVIEWED = {ReviewState.NOT_VIEWED: 0, ReviewState.VIEWED: 20, ReviewState.TAKEN_IN_TRAINING: 180}
WAITING = {**REVIEWED, ReviewState.NOT_VIEWED: 640}
WEEK, NEXT_WEEK = date(2026, 1, 5), date(2026, 1, 12)
NO_AGREEMENT = AgreementReport(
    1, 0.5, Agreement(0, 0, 0, 0, None, None, None, None), (), (), (), (), ()
)  # fmt: skip


def sums(images: int, *, right: int) -> Sums:
    """Return sums of images with ten shown things each, of which so many were right."""
    wrong = 10 - right
    return Sums(
        annotations=images,
        kept=right * images,
        deleted=wrong * images,
        tp_tp=float(right * right * images),
        tp_fp=float(right * wrong * images),
        fp_fp=float(wrong * wrong * images),
        with_shown=images,
        with_annotated=images if right else 0,
        with_either=images,
    )


def version(name: str, *cells: Cell) -> VersionSums:
    return VersionSums(name, cells, {}, {}, {}, {}, {}, ())


def quality(*versions: VersionSums) -> QualityReport:
    """Return the figures of versions, the newest first."""
    return QualityReport(1, tuple(map(assess, versions)), assess_weeks(versions))


def cell(images: int, *, right: int, week: date = WEEK, is_blind: bool = False) -> Cell:
    return Cell(is_blind, 5, week, sums(images, right=right))


GOOD = quality(version(VERSIONS[0], cell(90, right=9), cell(10, right=9, is_blind=True)))


@pytest.fixture
def calm() -> ProjectReport:
    """Return a report in which nothing is wrong: three people who agree, a target that is reached."""
    full = make_report()
    same = unknown(Measure.PREDICTION_BIAS, 0, 0, sides="here and there")
    agreement = replace(
        full.agreement,
        raters=(),
        labels=(),
        overall=replace(full.agreement.overall, f1=Estimate(0.95, 0.9, 0.98)),
    )
    return replace(
        full,
        quality=GOOD,
        annotators=tuple(replace(each, warning=None) for each in full.annotators),
        agreement=agreement,
        label_errors=replace(full.label_errors, counts={}, errors=()),
        drift=replace(full.drift, measures=(), bias=same),
        outlook=replace(full.outlook, outlook=Outlook.REACHED, classes=()),
    )


def lines_of(report: ProjectReport, topic: Topic, states: dict[ReviewState, int] = REVIEWED) -> list[Advice]:
    return [line for line in advise(report, states) if line.topic is topic]


def the_line(report: ProjectReport, topic: Topic, states: dict[ReviewState, int] = REVIEWED) -> Advice:
    (line,) = (line for line in lines_of(report, topic, states) if line.urgency is not Urgency.FINE)
    return line


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


def test_surely_worse_version_is_named(calm: ProjectReport) -> None:
    worse = quality(version(VERSIONS[0], cell(45, right=7)), version(VERSIONS[1], cell(45, right=9)))
    line = the_line(replace(calm, quality=worse), Topic.QUALITY)
    assert line.urgency is Urgency.NOW and "the newest model is worse" in line.todo
    # F1 = 2 TP / (2 TP + FP + FN) = 14 / 17 after 18 / 19.
    assert line.figure.startswith("F1 0.82 (") and "after 0.95 (" in line.figure
    assert VERSIONS[0] in line.reason and VERSIONS[1] in line.reason


@pytest.mark.parametrize(
    "serving",
    [
        pytest.param(VERSIONS[2], id="rolled back to the weights of the settings"),
        pytest.param(VERSIONS[0], id="a newer one serves that nobody has corrected"),
        pytest.param(None, id="nothing serves"),
    ],
)
def test_worse_version_that_serves_no_longer_is_no_news(calm: ProjectReport, serving: str | None) -> None:
    worse = quality(version(VERSIONS[1], cell(50, right=7)), version(VERSIONS[2], cell(50, right=9)))
    back = replace(calm, quality=worse, serving=serving, drift=replace(calm.drift, version=None))
    assert not [line for line in advise(back, REVIEWED) if line.urgency is Urgency.NOW]


def test_version_of_few_corrections_does_not_make_the_one_before_it_the_newest(calm: ProjectReport) -> None:
    versions = quality(
        version(VERSIONS[0], cell(2, right=9)),
        version(VERSIONS[1], cell(45, right=7)),
        version(VERSIONS[2], cell(45, right=9)),
    )
    found = advise(replace(calm, quality=versions), REVIEWED)
    assert not [line for line in found if line.urgency is Urgency.NOW]


def test_worse_version_is_named_where_it_serves_with_another_model(calm: ProjectReport) -> None:
    worse = quality(
        version(f"mask-1a2b+{VERSIONS[0]}", cell(45, right=7)),
        version(f"mask-1a2b+{VERSIONS[1]}", cell(45, right=9)),
    )
    both = replace(calm, quality=worse, serving=f"mask-1a2b+{VERSIONS[0]}")
    assert the_line(both, Topic.QUALITY).urgency is Urgency.NOW
    older = replace(both, serving=f"mask-1a2b+{VERSIONS[1]}")
    assert not [line for line in advise(older, REVIEWED) if line.urgency is Urgency.NOW]


@pytest.mark.parametrize(
    ("images", "right"), [pytest.param(50, 9, id="equal"), pytest.param(2, 7, id="few regions")]
)
def test_version_that_is_not_surely_worse_is_not_named(calm: ProjectReport, images: int, right: int) -> None:
    versions = quality(
        version(VERSIONS[0], cell(images, right=right)), version(VERSIONS[1], cell(40, right=9))
    )
    assert all(line.urgency is Urgency.FINE for line in advise(replace(calm, quality=versions), REVIEWED))


def falling(name: str = VERSIONS[0]) -> VersionSums:
    return version(
        name, cell(50, right=9), cell(50, right=6, week=NEXT_WEEK), cell(5, right=6, is_blind=True)
    )


@pytest.mark.parametrize(
    "today", [pytest.param(NEXT_WEEK, id="it goes on"), pytest.param(date(2026, 1, 25), id="the last week")]
)
def test_surely_worse_week_of_one_version_is_named(calm: ProjectReport, today: date) -> None:
    now = datetime.combine(today, time(23), UTC)
    line = the_line(replace(calm, quality=quality(falling()), made_at=now), Topic.QUALITY)
    assert line.urgency is Urgency.NOW and "week of 2026-01-12" in line.reason


@pytest.mark.parametrize(
    ("changes", "versions"),
    [
        pytest.param({"made_at": datetime(2026, 1, 26, tzinfo=UTC)}, [falling()], id="long over"),
        pytest.param({"serving": VERSIONS[1]}, [falling()], id="another version serves"),
        pytest.param(
            {},
            [version(VERSIONS[0], cell(3, right=9, week=NEXT_WEEK)), falling(VERSIONS[1])],
            id="a newer version serves since",
        ),
    ],
)
def test_worse_week_that_is_over_is_no_news(
    calm: ProjectReport, changes: dict[str, Any], versions: list[VersionSums]
) -> None:
    in_time = {"made_at": datetime(2026, 1, 14, tzinfo=UTC), **changes}
    found = advise(replace(calm, quality=quality(*versions), **in_time), REVIEWED)
    assert not [line for line in found if line.urgency is Urgency.NOW]


def test_model_that_looks_better_where_it_is_seen_is_judged_by_blind_tasks(calm: ProjectReport) -> None:
    anchored = quality(version(VERSIONS[0], cell(90, right=9), cell(30, right=6, is_blind=True)))
    line = the_line(replace(calm, quality=anchored), Topic.QUALITY)
    # F1 = 18 / 19 and 12 / 16.
    assert "0.95 (" in line.figure and "0.75 (" in line.figure and "blind" in line.todo


@pytest.mark.parametrize(("corrected", "is_said"), [(99, False), (100, True)])
def test_missing_blind_tasks_are_asked_for_when_there_should_be_some(
    calm: ProjectReport, corrected: int, is_said: bool
) -> None:
    none = replace(calm, quality=quality(version(VERSIONS[0], cell(corrected, right=9))))
    assert any("BLIND_FRACTION" in line.reason for line in advise(none, REVIEWED)) is is_said


def test_who_probably_accepts_everything_is_talked_to_by_name(calm: ProjectReport) -> None:
    *others, last = calm.annotators
    warned = replace(last, warning="This person probably accepts.", has_evidence=True)
    line = the_line(replace(calm, annotators=(*others, warned)), Topic.ANNOTATORS)
    assert line.urgency is Urgency.NOW and f"Talk to {NAMES[7]}" in line.todo
    assert line.figure == "98 % (93 to 100) submitted as shown"
    assert line.reason == "This person probably accepts."


@pytest.mark.parametrize("blind", [0, 9])
def test_nobody_is_accused_without_evidence(calm: ProjectReport, blind: int) -> None:
    *others, last = calm.annotators
    unsure = replace(last, warning="It cannot be told.", blind=replace(last.blind, annotations=blind))
    line = the_line(replace(calm, annotators=(*others, unsure)), Topic.ANNOTATORS)
    assert line.urgency is Urgency.SOON and line.todo == f"Find out how {NAMES[7]} works"


def test_annotator_unlike_the_others_is_named_with_both_figures() -> None:
    report = make_report()
    (unlike,) = (each for each in report.agreement.raters if each.is_unlike)
    lines = lines_of(report, Topic.ANNOTATORS, WAITING)
    assert unlike.rater.id == 7 and unlike.f1 is not None
    assert any(NAMES[7] in line.todo and f"F1 {unlike.f1.value:.2f}" in line.figure for line in lines)


def test_unknown_agreement_says_how_to_measure_it(calm: ProjectReport) -> None:
    line = the_line(replace(calm, agreement=NO_AGREEMENT), Topic.AGREEMENT)
    assert line.command == "python -m backend overlap --project 1 --share 0.1 --annotators 2"


def with_alphas(report: ProjectReport, tasks: int = 12, **alphas: float) -> ProjectReport:
    def agreement(alpha: float) -> Agreement:
        estimate = Estimate(alpha, alpha - 0.1, min(1.0, alpha + 0.05))
        return Agreement(tasks, 48, 24, 20, estimate, estimate, Estimate(0, 0, 0), estimate)

    labels = tuple(LabelAgreement(label, agreement(alpha)) for label, alpha in alphas.items())
    return replace(report, agreement=replace(report.agreement, labels=labels))


@pytest.mark.parametrize(
    ("alpha", "urgency", "words"),
    [
        pytest.param(0.6, Urgency.NOW, "surely below 0.667", id="surely below the least"),
        pytest.param(0.65, Urgency.SOON, "that may be so here", id="below the least"),
        pytest.param(0.7, Urgency.SOON, "tentative", id="between"),
    ],
)
def test_label_with_least_agreement_is_judged_by_krippendorffs_limits(
    calm: ProjectReport, alpha: float, urgency: Urgency, words: str
) -> None:
    line = the_line(with_alphas(calm, car=0.75, van=alpha), Topic.AGREEMENT)
    assert line.urgency is urgency and words in line.reason and '"van"' in line.todo
    assert line.figure.startswith(f"alpha {alpha:.2f} (") and "1 other" in line.reason


def test_label_that_is_surely_unclear_comes_before_one_that_may_be_so(calm: ProjectReport) -> None:
    report = with_alphas(calm, car=0.6, van=0.55)
    car, van = report.agreement.labels
    unsure = replace(van, agreement=replace(van.agreement, alpha_matched=Estimate(0.55, 0.2, 0.9)))
    line = the_line(
        replace(report, agreement=replace(report.agreement, labels=(car, unsure))), Topic.AGREEMENT
    )
    assert line.urgency is Urgency.NOW and '"car"' in line.todo


@pytest.mark.parametrize(("alpha", "tasks"), [(0.8, 12), (0.3, 4)])
def test_agreement_that_is_firm_or_of_few_tasks_is_no_matter(
    calm: ProjectReport, alpha: float, tasks: int
) -> None:
    assert not lines_of(with_alphas(calm, tasks, car=alpha), Topic.AGREEMENT)


def test_choice_of_the_whole_image_counts_like_a_label(calm: ProjectReport) -> None:
    choice = ChoiceAgreement("weather", 20, Estimate(0.5, 0.3, 0.7), ())
    report = replace(calm, agreement=replace(calm.agreement, choices=(choice,)))
    assert '"weather"' in the_line(report, Topic.AGREEMENT).todo


def test_people_who_agree_less_than_the_model_should_are_told_so(calm: ProjectReport) -> None:
    overall = replace(calm.agreement.overall, f1=Estimate(0.7, 0.6, 0.8))
    line = the_line(replace(calm, agreement=replace(calm.agreement, overall=overall)), Topic.AGREEMENT)
    assert line.figure == "F1 0.70 (0.60 to 0.80) between people, target of the model 0.85"


@pytest.mark.parametrize(
    ("errors", "urgency"), [(1, Urgency.SOON), (69, Urgency.SOON), (70, Urgency.NOW)], ids=str
)
def test_suspected_labels_are_urgent_from_a_tenth_on(
    calm: ProjectReport, errors: int, urgency: Urgency
) -> None:
    found = replace(calm.label_errors, objects=700, counts={ErrorKind.MISSING: errors, ErrorKind.LOOSE: 0})
    line = the_line(replace(calm, label_errors=found), Topic.LABEL_ERRORS)
    assert line.urgency is urgency and line.figure == f"{errors} suspected, 700 objects looked at"
    assert f"missing label ({errors})" in line.reason and "loose" not in line.reason
    assert line.command == "python -m backend errors --project 1"


def drift(measure: Measure, verdict: Verdict, value: float) -> Drift:
    return Drift(measure, verdict, f"The {measure} has changed.", 60, 80, value=value, limit=0.05)


def test_greatest_change_is_named_and_the_others_counted(calm: ProjectReport) -> None:
    found = (
        drift(Measure.BRIGHTNESS, Verdict.MODERATE, 0.2),
        drift(Measure.CLASS_MIX, Verdict.LARGE, 0.4),
        drift(Measure.SCORES, Verdict.LARGE, 0.6),
    )
    line = the_line(replace(calm, drift=replace(calm.drift, measures=found)), Topic.DRIFT)
    assert line.urgency is Urgency.NOW and line.figure == "scores: PSI 0.60, above 0.05"
    assert line.reason.startswith("The scores has changed. 1 other figure changed as much.")


def test_bias_of_the_model_asks_for_labels_of_its_classes(calm: ProjectReport) -> None:
    bias = drift(Measure.PREDICTION_BIAS, Verdict.MODERATE, 0.2)
    line = the_line(replace(calm, drift=replace(calm.drift, bias=bias)), Topic.DRIFT)
    assert line.urgency is Urgency.SOON and "too often or too seldom" in line.todo


@pytest.mark.parametrize("verdict", [Verdict.SMALL, Verdict.NONE])
def test_small_change_is_no_matter(calm: ProjectReport, verdict: Verdict) -> None:
    small = (drift(Measure.SCORES, verdict, 0.04),)
    assert not lines_of(replace(calm, drift=replace(calm.drift, measures=small)), Topic.DRIFT)


@pytest.mark.parametrize(
    ("outlook", "urgency", "words"),
    [
        (Outlook.FALLING, Urgency.NOW, "came last"),
        (Outlook.REACHABLE, Urgency.SOON, "Review about 2,400 more images to reach F1 0.85"),
        (Outlook.UNCERTAIN, Urgency.SOON, "train again"),
        (Outlook.OUT_OF_REACH, Urgency.SOON, "Change what is trained"),
        (Outlook.REACHED, Urgency.FINE, "No more images are needed for F1 0.85"),
        (Outlook.TOO_FEW, Urgency.FINE, "cannot be told yet"),
    ],
)
def test_answer_of_the_learning_curve_is_a_line(
    calm: ProjectReport, outlook: Outlook, urgency: Urgency, words: str
) -> None:
    changed = replace(calm.outlook, outlook=outlook, more=MoreImages(2306, 1000, None), advice="As it is.")
    line = next(line for line in lines_of(replace(calm, outlook=changed), Topic.IMAGES) if words in line.todo)
    assert (line.urgency, line.reason) == (urgency, "As it is.")
    assert line.figure == "F1 0.76 (0.72 to 0.80), target 0.85"


def with_classes(report: ProjectReport, *classes: ClassBalance) -> ProjectReport:
    return replace(report, outlook=replace(report.outlook, classes=classes))


def a_class(label: str, objects: int, test_objects: int | None = 50, f1: float | None = 0.8) -> ClassBalance:
    return ClassBalance(label, objects, None, 0.1, test_objects, f1)


@pytest.mark.parametrize(
    ("objects", "lacking"),
    [pytest.param(40, "60 more objects", id="a tenth"), pytest.param(99, "1 more object ", id="one")],
)
def test_rare_class_needs_a_tenth_of_the_most_frequent_one(
    calm: ProjectReport, objects: int, lacking: str
) -> None:
    line = the_line(with_classes(calm, a_class("car", 1000), a_class("bus", objects)), Topic.CLASSES)
    assert f'at least {lacking.strip()} of "bus"' in line.todo
    assert line.figure == f'"bus" {objects}, "car" 1,000'


def test_class_of_a_small_project_needs_ten_objects(calm: ProjectReport) -> None:
    line = the_line(
        with_classes(calm, a_class("car", 30), a_class("bus", 0), a_class("van", 8)), Topic.CLASSES
    )
    assert 'at least 10 more objects of "bus"' in line.todo and "Of 3 labels 2 are that rare" in line.reason


def test_class_with_few_test_objects_has_no_figure_to_trust(calm: ProjectReport) -> None:
    line = the_line(with_classes(calm, a_class("car", 500), a_class("bus", 400, 14, 0.6)), Topic.CLASSES)
    assert line.figure == '"bus": F1 0.60 of 14 test objects'
    assert "until that has 100, so 16 more take about 160 more labelled objects" in line.reason


def test_class_that_a_full_test_split_hardly_holds_stays_unsure_and_calls_for_nothing(
    calm: ProjectReport,
) -> None:
    rare = with_classes(calm, a_class("car", 500), a_class("bus", 400, 14, 0.6))
    full = replace(rare, outlook=replace(rare.outlook, test_images=100))
    (line,) = lines_of(full, Topic.CLASSES)
    assert line.urgency is Urgency.FINE and "The test split is full" in line.reason
    assert "labelled objects" not in line.reason


@pytest.mark.parametrize("test_objects", [None, 30])
def test_balanced_and_measured_classes_are_no_matter(calm: ProjectReport, test_objects: int | None) -> None:
    classes = (a_class("car", 500, test_objects), a_class("bus", 50, test_objects))
    assert not lines_of(with_classes(calm, *classes), Topic.CLASSES)


def waiting_line(report: ProjectReport, **changes: Any) -> Advice:
    states = {**WAITING, **changes}
    return next(line for line in lines_of(report, Topic.IMAGES, states) if "wait" in line.figure)


def test_waiting_tasks_come_with_the_reason_of_the_first(calm: ProjectReport) -> None:
    wanting = replace(calm, outlook=replace(calm.outlook, outlook=Outlook.REACHABLE))
    line = waiting_line(wanting)
    assert (line.todo, line.figure) == ("Label the 40 tasks that help most", "640 tasks wait")
    assert "task 500: The model is unsure" in line.reason and line.urgency is Urgency.SOON
    assert line.command == "python -m backend next --project 1"
    assert waiting_line(calm).urgency is Urgency.FINE, "the target is reached"


def test_waiting_tasks_without_an_order_are_listed(calm: ProjectReport) -> None:
    line = waiting_line(replace(calm, next_tasks=NextTasksReport((), 0, (), ())))
    assert (
        line.todo == "Label the tasks that wait" and line.command == "python -m backend reviews --project 1"
    )


def test_project_without_waiting_tasks_needs_images_until_the_target_is_reached(calm: ProjectReport) -> None:
    wanting = replace(calm, outlook=replace(calm.outlook, outlook=Outlook.UNCERTAIN))
    assert "Import more images" in [line.todo for line in lines_of(wanting, Topic.IMAGES)]
    assert "Import more images" not in [line.todo for line in lines_of(calm, Topic.IMAGES)]


def test_annotator_whom_label_studio_does_not_name_goes_by_id(calm: ProjectReport) -> None:
    *others, last = calm.annotators
    warned = replace(last, warning="It cannot be told.")
    report = replace(calm, annotators=(*others, warned), names={})
    assert "annotator 7" in the_line(report, Topic.ANNOTATORS).todo
    nameless = replace(report, annotators=(replace(warned, annotator=None),))
    assert "the annotator without a name" in the_line(nameless, Topic.ANNOTATORS).todo
