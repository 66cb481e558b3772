"""The page of all networks: what it presents, and that a browser shows it without a complaint."""

import pytest
from browser import Browser

from models import NETWORKS
from models.__main__ import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("out")
    assert main(["one-weight", "sigmoid-neuron", "two-two-one", "--out", str(made)]) == 0
    return made


def test_it_presents_derivations_numbers_picture_and_loss_of_every_network(folder):
    text = (folder / "index.html").read_text("utf-8")
    for name in ("one-weight", "sigmoid-neuron", "two-two-one"):
        assert f'<section id="{name}">' in text
        assert f'href="{name}.html"' in text
        assert f'href="{name}-training.html"' in text
        for page in (f"{name}.html", f"{name}-training.html"):
            assert (folder / page).read_text("utf-8").startswith("<!doctype html>")
        assert NETWORKS[name].article in text
    assert text.count('<img src="data:image/png;base64,') == 3
    assert "d_ypred_d_w5 = h1 * deriv(sum_o1)" in text  # By hand.
    assert "d_out_bias = sum_o1_delta" in text  # By the rules.
    assert "delta = error * out * (1 - out)" in text
    assert "agree (complex step too)" in text
    assert "41.88266515825944" in text
    assert "by hand is wrong" in text  # The article's dropped factor, in its finding.
    assert '<nav><ul><li><a href="#one-weight">' in text


def test_a_browser_shows_it_and_the_pages_that_it_links_to(folder):
    browser = Browser()
    try:
        browser.open(folder / "index.html", width=390, height=844)
        assert browser.js("document.documentElement.scrollWidth") <= 390
        assert browser.js("[...document.images].every(image => image.naturalWidth > 300)")
        assert browser.js("document.querySelectorAll('.picture svg').length") == 3
        assert browser.complaints == []
        browser.js("document.querySelector('#one-weight .step').scrollIntoView()")
        browser.click("#one-weight .step")
        browser.wait("document.getElementById('scrub')?.max")
        assert browser.js("document.title") == "One weight, 5 → 42, first step"
        for name in ("one-weight", "sigmoid-neuron", "two-two-one"):
            browser.open(folder / f"{name}-training.html")
            losses = []
            for key in ("Home", "End"):
                browser.press(key)
                loss = browser.js("document.querySelector('g.output .value.number').textContent")
                losses.append(float(loss.replace("−", "-")))
            assert losses[1] < losses[0]
            assert browser.complaints == []
    finally:
        browser.close()
