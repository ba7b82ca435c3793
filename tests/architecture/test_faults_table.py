"""The table of faults names every case, and for each the files whose tests carry its number, or why there are none.

``python tests/architecture/test_faults_table.py`` writes the second column anew.
"""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "faults.md"
SIZES = {"P": 28, "R": 25, "B": 12, "D": 32, "L": 14, "T": 16, "I": 12, "S": 24, "K": 10, "X": 10, "C": 12}
ROW = re.compile(r"^\| ([A-Z]-\d\d) \| (.*?) \| (.*?) \|$", re.MULTILINE)
TEST = re.compile(r"^(?:async )?def test_([a-z])(\d\d)_", re.MULTILINE)


def cases_with_tests() -> dict[str, str]:
    """The files that test a case, with the number of tests, by case."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        counts: dict[str, int] = defaultdict(int)
        for letter, number in TEST.findall(path.read_text(encoding="utf-8")):
            counts[f"{letter.upper()}-{number}"] += 1
        for case, n in counts.items():
            found[case].append(f"`{path.relative_to(ROOT / 'tests').as_posix()}` ({n})")
    return {case: ", ".join(files) for case, files in found.items()}


def rows() -> list[tuple[str, str, str]]:
    return ROW.findall(TABLE.read_text(encoding="utf-8"))


def test_every_case_stands_in_the_table_once_and_in_order():
    cases = [case for case, _, _ in rows()]
    assert cases == [f"{letter}-{number:02}" for letter, n in SIZES.items() for number in range(1, n + 1)]


def test_every_case_names_its_tests_or_says_why_there_are_none():
    found = cases_with_tests()
    stale = [case for case, _, where in rows() if where != found.get(case, where) or not where.strip()]
    assert not stale, "run `python tests/architecture/test_faults_table.py`"


def test_no_test_carries_a_number_that_is_no_case():
    assert set(cases_with_tests()) <= {case for case, _, _ in rows()}


def test_files_that_reasons_point_to_exist():
    for case, _, where in rows():
        for name in re.findall(r"`([\w/]+\.py)`", where):
            assert (ROOT / "tests" / name).exists() or (ROOT / name).exists(), f"{case}: {name}"


def write() -> None:
    found = cases_with_tests()

    def renewed(match: re.Match[str]) -> str:
        case, what, where = match.groups()
        return f"| {case} | {what} | {found.get(case, where)} |"

    TABLE.write_text(ROW.sub(renewed, TABLE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write()
