"""What compare found is shown as text, HTML, Markdown and JSON."""

import html.parser
import io
import json

import numpy as np
import pytest
from built import build

import autograd_lite as al


@pytest.fixture
def failed():
    loss, _, right = build()
    return al.compare(loss, {"w": right["w"], "b": right["z"], "z": -right["z"]})


def test_the_text_has_the_table_and_the_mistakes_under_it(failed):
    text = str(failed)
    assert "\033" not in text
    assert text.splitlines()[2].endswith("agree")
    assert "z, where the two part first, from the loss backwards:" in text
    assert "the sign is flipped: by hand = -autodiff" in text
    assert "shapes differ: (5, 2) by hand, (2,) by autodiff: not summed over the batch" in text


def test_assert_ok_says_everything(failed):
    with pytest.raises(al.DisagreementError) as caught:
        failed.assert_ok()
    assert str(caught.value) == f"1 of 3 gradients agree.\n{failed}"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colour_only_where_the_terminal_has_it(failed, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    plain, coloured = io.StringIO(), Terminal()
    failed.show(plain)
    failed.show(coloured)
    assert plain.getvalue() == f"{failed}\n"
    assert "\033[31m" in coloured.getvalue()
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            silent = Terminal()
            failed.show(silent)
        assert silent.getvalue() == f"{failed}\n"


def test_show_prints_by_default(failed, capsys):
    failed.show()
    assert capsys.readouterr().out == f"{failed}\n"


def test_html_is_balanced_and_escaped():
    x = al.Tensor([1.0, 2.0], requires_grad=True, name="<b>&x")
    text = al.compare(np.sum(x * x), {"<b>&x": -2 * x.data})._repr_html_()
    assert "&lt;b&gt;&amp;x" in text
    assert "<b>&x" not in text
    opened = []

    class Check(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            opened.append(tag)

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    Check().feed(text)
    assert not opened


def test_markdown_has_as_many_cells_in_every_line(failed):
    lines = [line for line in failed.to_markdown().splitlines() if line.startswith("|")]
    assert len(lines) == 5
    assert {line.replace(r"\|", "").count("|") for line in lines} == {7}


def test_json_is_json_also_with_nan(failed):
    data = json.loads(failed.to_json())
    assert (data["ok"], data["first"]) == (False, "z")
    assert [row["ok"] for row in data["rows"]] == [True, False, False]
    assert data["rows"][2]["diagnosis"]["name"] == "sign flipped"
    loss, _, right = build()
    text = al.compare(loss, {"w": right["w"] * np.nan}).to_json(indent=2)
    assert json.loads(text, parse_constant=pytest.fail)["rows"][0]["by_hand"][0][0] is None
