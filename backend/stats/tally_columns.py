"""Sums over rows of the tally, as the database makes them."""

from typing import Any

from sqlalchemy import ColumnElement, Float, SQLColumnExpression, case, cast, func

from backend.store.ledger_tables import SqlTally

# In the column `label`: all labels of an annotation together.
ALL_LABELS = ""


def _sum_product(first: ColumnElement[int], second: ColumnElement[int]) -> ColumnElement[float]:
    # As floats: exact up to 2^53, and PostgreSQL's product of two integers overflows at 2^31.
    return func.sum(cast(first, Float) * cast(second, Float))


def count_if(condition: SQLColumnExpression[bool]) -> ColumnElement[int]:
    """Return how many rows of a group meet the condition."""
    return func.count(case((condition, 1)))


_TP = SqlTally.kept + SqlTally.adjusted
_FP = SqlTally.deleted + SqlTally.relabelled_from
_FN = SqlTally.added + SqlTally.relabelled_to
# The model found a region at all, which whoever annotated saw but in a blind task; and all stayed as it was.
HAS_PREDICTED = _TP + _FP > 0
IS_UNTOUCHED = (SqlTally.kept > 0) & (SqlTally.adjusted + _FP + _FN == 0)
# In the order of the fields of `backend.stats.quality.Sums`.
SUMS: tuple[ColumnElement[Any], ...] = (
    func.count(),
    count_if(SqlTally.is_ground_truth),
    func.sum(SqlTally.kept),
    func.sum(SqlTally.adjusted),
    func.sum(SqlTally.deleted),
    func.sum(SqlTally.added),
    func.sum(SqlTally.relabelled_from),
    func.sum(SqlTally.relabelled_to),
    _sum_product(_TP, _TP),
    _sum_product(_TP, _FP),
    _sum_product(_TP, _FN),
    _sum_product(_FP, _FP),
    _sum_product(_FP, _FN),
    _sum_product(_FN, _FN),
    count_if(HAS_PREDICTED),
    count_if(_TP + _FN > 0),
    count_if(_TP + _FP + _FN > 0),
)
