"""Agreement from the ledger's rows: who counts as whom, on both databases."""

import pytest

from backend.errors import NotFound
from backend.report_settings import ModelRole
from backend.stats.agreement import AgreementReport
from backend.stats.agreement_queries import read_agreement
from backend.store.database import Database
from tests.backend.annotations_of_several import NOON, annotate, predict
from tests.backend.tallies import PROJECT, know_project


@pytest.fixture(autouse=True)
def project(database: Database) -> None:
    know_project(database)


def f1_by_pair(report: AgreementReport) -> dict[str, float]:
    found = {f"{each.one}, {each.other}": each.agreement.f1 for each in report.pairs}
    return {name: f1.value for name, f1 in found.items() if f1 is not None}


def test_annotators_of_one_task_are_compared(database: Database) -> None:
    annotate(database, 1, 10, 3, "cat")
    annotate(database, 2, 10, 4, "cat")
    annotate(database, 3, 11, 3, "cat")
    annotate(database, 4, 11, None, "dog")
    report = read_agreement(database, PROJECT)
    assert f1_by_pair(report) == {"annotator 3, annotator 4": 1, "annotator 3, annotator unknown": 0}
    assert report.overall.f1 is not None and report.overall.f1.value == 0.5
    assert [each.task_id for each in report.tasks] == [11, 10]


def test_only_the_newest_annotation_of_each_counts_and_no_skipped_or_deleted_one(database: Database) -> None:
    annotate(database, 1, 10, 3, "dog")
    annotate(database, 2, 10, 4, "cat")
    annotate(database, 3, 10, 3, "cat")
    annotate(database, 4, 10, 5, "dog", is_cancelled=True)
    annotate(database, 5, 10, 6, "dog", deleted_at=NOON)
    annotate(database, 6, 12, 3, "cat")
    annotate(database, 7, 12, 3, "dog")
    assert f1_by_pair(read_agreement(database, PROJECT)) == {"annotator 3, annotator 4": 1}


def test_ground_truth_is_a_rater_of_its_own(database: Database) -> None:
    annotate(database, 1, 10, 3, "cat", is_ground_truth=True)
    annotate(database, 2, 10, 4, "cat")
    assert f1_by_pair(read_agreement(database, PROJECT)) == {"annotator 4, ground truth": 1}


def test_model_is_left_out_compared_or_a_member(database: Database) -> None:
    predict(database, 10, "dog")
    predict(database, 11, "cat", blind=True)
    annotate(database, 1, 10, 3, "cat", shown_id=1)
    annotate(database, 2, 10, 4, "cat")
    annotate(database, 3, 11, 3, "cat", shown_id=2)
    people = {"annotator 3, annotator 4": 1}
    models = {"annotator 3, model": 0, "annotator 4, model": 0, "annotator 3, blind model": 1}
    left_out, compared, member = (read_agreement(database, PROJECT, model=role) for role in ModelRole)
    assert f1_by_pair(left_out) == people
    assert f1_by_pair(compared) == f1_by_pair(member) == people | models
    assert left_out.overall == compared.overall and compared.overall.f1 is not None
    assert compared.overall.f1.value == 1
    assert member.overall.f1 is not None and member.overall.f1.value == 0.5


def test_tasks_of_several_people_come_before_those_of_the_model(database: Database) -> None:
    annotate(database, 1, 10, 3, "cat")
    annotate(database, 2, 10, 4, "cat")
    predict(database, 11, "cat")
    annotate(database, 3, 11, 3, "cat", shown_id=1)
    assert f1_by_pair(read_agreement(database, PROJECT, most=1)) == {"annotator 3, annotator 4": 1}


def test_other_projects_do_not_count(database: Database) -> None:
    annotate(database, 1, 10, 3, "cat")
    annotate(database, 2, 10, 4, "cat", project_id=PROJECT + 1)
    assert read_agreement(database, PROJECT).pairs == ()


def test_equal_calls_give_equal_intervals(database: Database) -> None:
    for number in range(6):
        annotate(database, 2 * number + 1, number, 3, "cat")
        annotate(database, 2 * number + 2, number, 4, "cat" if number % 3 else "dog")
    assert read_agreement(database, PROJECT) == read_agreement(database, PROJECT)


def test_unknown_project_is_an_error(database: Database) -> None:
    with pytest.raises(NotFound):
        read_agreement(database, PROJECT + 1)
