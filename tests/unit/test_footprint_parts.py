"""Files shared among the parts in them, by hand."""

from semantic_ids.report import Part
from semantic_ids.spark.footprint_parts import Counted, share_files


def test_a_file_of_two_parts_counts_for_each_by_its_rows():
    counted = [
        Counted("one", 100, "b", 1, 50),
        Counted("one", 100, "a", 3, 30),
        Counted("two", 40, "a", 2, None),
    ]
    assert share_files(counted) == (Part("a", 2, 30, 115.0), Part("b", 1, 50, 25.0))
    assert share_files([]) == ()
