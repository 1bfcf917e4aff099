from semantic_ids.report.markdown import bullet, code, table


def test_table_aligns_numbers_right_and_text_left():
    assert table(["what", "bytes"], [["SIDs", "8"]]) == (
        "| what | bytes |\n| --- | ---: |\n| SIDs | 8 |"
    )


def test_a_pipe_in_a_cell_does_not_end_the_cell():
    assert table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"


def test_code_survives_backticks_and_line_ends():
    assert code("s3a://bucket/a") == "`s3a://bucket/a`"
    assert code("a`b\nc") == "``a`b c``"
    assert code("`") == "`` ` ``"


def test_bullet_gives_a_line_each():
    assert bullet(["one", "two"]) == "- one\n- two"
