import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_ids.report.markdown import bullet, escaped, grid


def test_bullet_gives_a_line_each():
    assert bullet(["one", "two"]) == "- one\n- two"


def test_grid_aligns_the_columns_named_right():
    assert grid(["a", "b"], [["1", "x"]], right=[0]) == "| a | b |\n| ---: | --- |\n| 1 | x |"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a | b", "a &#124; b"),
        ("a\n\n# b", "a \\# b"),
        ("&lt;", "&amp;lt;"),
        ("**a** _b_ `c` ~d~", r"\*\*a\*\* \_b\_ \`c\` \~d\~"),
        ("[x](javascript:alert(1))", r"\[x\](javascript:alert(1))"),
        (r"\*", r"\\\*"),
        ("item_sids", "item_sids"),
        ("# x", r"\# x"),
        ("- x", r"\- x"),
        ("+ x", r"\+ x"),
        ("===", r"\==="),
        ("10. x", r"10\. x"),
        ("2) x", r"2\) x"),
        ("3.5 bytes", "3.5 bytes"),
        ("> x", "&gt; x"),
        ("http://a.b www.a.b", r"http\://a.b www\.a.b"),
        ("$a$", r"\$a\$"),
        ("\u202eabc", "abc"),
        ("  a\tb ", "a b"),
    ],
)
def test_escaped_text_reads_as_it_is(text, said):
    assert escaped(text) == said


@given(st.text(st.sampled_from("\\\\`*_[]<>|&#~$-+=1.)!\n\r\t ab\x00\u202e")))
def test_escaped_text_holds_no_bare_markup(text):
    said = escaped(text)
    assert "\n" not in said
    assert not set("<>|\x00\u202e") & set(said)
    bare = re.sub(r"\\.", "x", said)
    assert not set("`*[]~$") & set(bare)
    assert not re.match(r"#|[-+=]|\d+[.)](\s|$)", bare)
    assert not re.search(r"&(?!(?:amp|lt|gt|#124);)", said)
