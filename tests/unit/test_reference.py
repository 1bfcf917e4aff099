"""Pages that are written by a program are what it would write now."""

import runpy

import pytest


def test_the_reference_is_that_of_the_models(root):
    program = runpy.run_path(str(root / "docs" / "reference.py"))
    found = (root / "docs" / "reference.md").read_text(encoding="utf-8")
    assert found == program["reference"](), "run .venv/bin/python docs/reference.py"
    for job in program["configs"]():
        assert f"\n## {job}\n" in found


def test_the_sizing_table_is_what_the_program_prints(root):
    table = runpy.run_path(str(root / "benchmarks" / "sizing.py"))["main"]([])
    page = (root / "docs" / "operations" / "sizing.md").read_text(encoding="utf-8")
    assert table in page, "put what benchmarks/sizing.py prints into docs/operations/sizing.md"


@pytest.mark.parametrize(
    ("arguments", "row"),
    [
        # 10^10 rows x 7.17 us / 1.0 = 71,700 core s, and 12.3 s: one executor of 4 cores, 4.98 h
        (
            ["--efficiency", "1", "--read-mb-s", "1e6", "--hours", "5", "--core-hour-usd", "1"],
            "299",
        ),
        # the store: 1536 bytes x 10^10 at 100 MB/s are 153,600 core s, 2 executors, 5.33 h
        (["--efficiency", "1", "--hours", "10"], "320"),
    ],
)
def test_sizes_are_those_of_a_calculation_by_hand(root, arguments, row):
    table = runpy.run_path(str(root / "benchmarks" / "sizing.py"))["main"](arguments)
    line = next(line for line in table.splitlines() if "quantize_items, all | 10^10" in line)
    assert line.split(" | ")[5] == row
