"""Tables in a narrow terminal."""

import pytest

from backend.cli.console import figure_table, print_table


def test_narrow_terminal_loses_no_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    names = [f"figure {number}" for number in range(8)]
    table = figure_table("annotator", *names)
    table.add_row("Ada Lovelace", *["0.71 (0.6)"] * len(names))
    print_table(table)
    printed = capsys.readouterr().out
    assert "Ada Lovelace" in printed and printed.count("0.71 (0.6)") == len(names)
    assert all(name in printed for name in ("annotator", *names))
