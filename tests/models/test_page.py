"""The page of all networks: what it presents, and that a browser shows it without a complaint."""

import base64
import itertools
import re
from html.parser import HTMLParser

import pytest
from browser import number

from autograd_lite.draw.theme import DARK
from models import NETWORKS, index
from models.__main__ import main
from models.files import SWEEPS, write_files
from models.mistakes import MISTAKES
from models.two_layers import ElevenLines
from models.two_two_one import Groups

SIZES = [(390, False), (390, True), (1280, False), (1280, True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All networks, with less training: with another seed its results are not judged."""
    made = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ElevenLines, "epochs", 400)
        assert main(["--seed", "2", "--out", str(made)]) == 0
    return made


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "index.html").read_text("utf-8")


class Outline(HTMLParser):
    """Tags with their attributes, in order."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def section(text, name):
    return text[text.index(f'<section id="{name}"') :].partition("</section>")[0]


# -------------------------------------------------------------------- what is on it


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_all_its_parts_in_one_order(text, name):
    found = section(text, name)
    experiment = NETWORKS[name]()
    trained = name != "repeat-once"
    headings = re.findall(r"<h[23][^>]*>([^<]+)</h[23]>", found)
    assert headings == [
        experiment.title, "The first step, as a picture", "The gradients",
        "The same as NumPy code", "Compared while it trains", "What it has learnt",
        *(["The loss on the way", "The loss around it"] if trained else []),
        "The numbers in the article",
        *(["Where the article errs"] if "<aside" in found else []), "The network",
    ]  # fmt: skip
    assert experiment.article in found
    assert experiment.about in found
    assert found.count('class="computation"') == len(SWEEPS) + 2 + trained
    assert found.count("<math") == 2
    assert found.count('class="curve"') == trained
    assert f'href="{name}.html"' in found
    assert (f'href="{name}-training.html"' in found) == trained
    assert "agree (complex step too)" in found
    assert re.search(r'aria-label="agrees">✓</span> <b>\w+(\.\w+)?</b> proved', found)


def test_formulas_code_and_numbers_stand_by_hand_and_by_the_rules(text):
    layers, groups = section(text, "two-layers"), section(text, "two-two-one")
    assert "<mi>l2&#x0005F;delta</mi>" in layers  # By hand, from the code by hand.
    assert "l2_delta = (y - l2) * (l2 * (1 - l2))" in layers
    assert "z2_delta = (l2 - y) * (l2 * (1 - l2))" in layers  # By the rules.
    assert "d_ypred_d_w5 = h1 * deriv(sum_o1)" in groups
    assert "d_out_bias = sum_o1_delta" in groups
    assert "41.88266515825944" in section(text, "one-weight")
    assert "other seed" in layers


def test_where_an_article_errs_the_tool_gives_the_evidence(text):
    found = section(text, "one-weight").partition("<aside")[2]
    assert "by hand = 0.5 × autodiff: the factor 2 of the square is missing" in found
    assert "w: by hand = 1/2 × gradient" in found
    assert "Taylor remainder" in found
    assert "<aside" not in section(text, "two-layers")


def test_contents_and_overview_have_a_verdict_for_every_network(text):
    for name, experiment in NETWORKS.items():
        assert re.search(rf'<a href="#{name}"><span class="good"[^>]*>✓</span> {name}</a>', text)
        assert f'<tr><th scope="row">{experiment.title}</th>' in text


def test_what_goes_wrong_is_said_where_it_is_looked_for(tmp_path):
    broken = MISTAKES["bias-slope-missing"].put_into(Groups)
    broken.epochs, broken.source_by_hand = 2, Groups.source_by_hand
    run = broken().run(3)
    write_files(run, tmp_path)
    text = index.write_index([run], tmp_path).read_text("utf-8")
    assert '<a href="#two-two-one"><span class="bad"' in text
    assert 'aria-label="differs">✗</span> gradient of out.bias before step 1' in text
    assert re.search("✗</span> <b>out.bias</b> by hand [=-]", text)


# -------------------------------------------------------------------- one file, on its own


def test_all_that_it_links_to_is_there(folder, text):
    tags = Outline(text).tags
    ids = [found["id"] for _, found in tags if "id" in found]
    assert len(ids) == len(set(ids))
    links = [found["href"] for tag, found in tags if tag == "a"]
    assert len(links) > 5 * len(NETWORKS)
    for link in links:
        assert link[1:] in ids if link.startswith("#") else (folder / link).is_file(), link


def test_it_fetches_nothing_and_runs_nothing(text):
    tags = Outline(text).tags
    policy = next(found["content"] for _, found in tags if "http-equiv" in found)
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert not [tag for tag, _ in tags if tag in ("script", "link", "iframe", "img", "object")]
    for _, found in tags:
        for key, value in found.items():
            assert key.startswith("xmlns") or "//" not in (value or ""), (key, value)
            assert not key.startswith("on"), key
    assert not re.search(r"@import|url\((?!#)", text)


def test_every_picture_table_and_heading_says_what_it_is(text):
    tags = Outline(text).tags
    assert [tag for tag, _ in tags].count("h1") == 1
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h\d", tag)]
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    for svg in re.findall(r"<svg [^>]*>\s*(?:<title>[^<]+</title>)?", text):
        assert 'role="img"' in svg
        assert "<title>" in svg or "aria-label=" in svg
    assert text.count("<table>") == text.count("<caption") == text.count("<thead>")
    assert "<th>" not in text  # All have a scope.


def test_colours_have_enough_contrast_in_both_themes():
    style = (index.PAGE / "page.css").read_text("utf-8")
    pairs = dict(re.findall(r"--([\w-]+): light-dark\((#\w+, #\w+)\)", style))
    papers = {"ink": "paper panel hand-fill rules-fill", "quiet": "paper panel hand-fill",
              "good": "paper", "bad": "paper", "hand": "paper hand-fill",
              "rules": "paper rules-fill"}  # fmt: skip
    for ink, grounds in papers.items():
        for ground in grounds.split():
            for a, b in zip(pairs[ink].split(", "), pairs[ground].split(", "), strict=True):
                assert contrast(a, b) >= 4.5, (ink, ground, a, b)


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


# -------------------------------------------------------------------- in a browser


@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_a_browser_shows_it_without_a_complaint(browser, folder, width, dark):
    browser.open(folder / "index.html", width=width, height=844, dark=dark)
    assert browser.js("document.documentElement.scrollWidth") <= width
    assert browser.complaints == []
    shown = browser.js(
        "[...document.querySelectorAll('.computation [fill]')]"
        ".map(e => [e.getAttribute('fill'), getComputedStyle(e).fill])"
    )
    seen = {}
    for colour, drawn in shown:
        seen.setdefault(colour.upper(), set()).add(drawn)
    assert len(seen.keys() & DARK.keys()) > 10
    for light in seen.keys() & DARK.keys():  # In every picture, beside others or alone.
        assert seen[light] == {rgb(DARK[light] if dark else light)}
    (line,) = {
        browser.js(f"getComputedStyle(document.querySelector('{path}')).stroke")
        for path in ("#one-weight .curve path[style*=rules]", "#two-layers [style*=rules]")
    }
    assert line == rgb("#7CC4F2" if dark else "#005A92")


VISIBLE = (
    "[...document.querySelectorAll('body *')].filter(e => e.getClientRects().length && "
    "!e.closest('.unseen, .skip') && "
    "[...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))"
)


def test_on_a_phone_all_is_legible_and_nothing_but_code_scrolls_sideways(browser, folder):
    browser.open(folder / "index.html", width=390, height=844)
    sizes = browser.js(
        f"{VISIBLE}.map(e => [(m => m ? Math.hypot(m.a, m.b) : 1)(e.getScreenCTM?.()) * "
        "parseFloat(getComputedStyle(e).fontSize), e.textContent])"
    )
    assert len(sizes) > 1000
    assert min(sizes)[0] >= 9, min(sizes)
    wide = browser.js(
        "[...document.querySelectorAll('main *, nav, nav *')].filter(e => e.clientWidth && "
        "e.scrollWidth > e.clientWidth + 1 && !e.closest('svg, .unseen') && "
        "getComputedStyle(e).display !== 'inline').map(e => e.tagName)"
    )
    assert set(wide) <= {"PRE"}
    cells = browser.js(
        "[...document.querySelectorAll('td')].map(e => [e.dataset.label, "
        "getComputedStyle(e, '::before').content])"
    )
    assert len(cells) > 100
    assert all(said == f'"{label}"' for label, said in cells)


def test_on_paper_nothing_is_cut_and_nothing_stands_alone(browser, folder):
    """Measured as a page of A4 lays it out: 718 points between margins of a centimetre."""
    browser.open(folder / "index.html", width=718, height=1047)
    browser.call("Emulation.setEmulatedMedia", media="print")
    right = browser.js(
        "Math.max(...[...document.querySelectorAll('main *')].filter(e => e.offsetWidth && "
        "!e.closest('svg')).map(e => e.getBoundingClientRect().right))"
    )
    assert right <= 718
    # A title, what introduces it and its first picture have one page together.
    heights = browser.js(
        "[...document.querySelectorAll('.network')].map(s => s.querySelector("
        "'figure.forward').getBoundingClientRect().bottom - s.getBoundingClientRect().top)"
    )
    assert max(heights) <= 1047
    breaks = browser.js(
        "[...document.querySelectorAll('main :is(h2, h3, h4)')].map(e => "
        "getComputedStyle(e).breakAfter)"
    )
    assert set(breaks) == {"avoid"}
    tables = "[...document.querySelectorAll('main table')]"  # Their heads stay with their rows.
    assert browser.js(f"{tables}.every(e => getComputedStyle(e).breakInside === 'avoid')")
    assert browser.js(f"Math.max(...{tables}.map(e => e.offsetHeight))") < 1047
    grids = browser.js(
        "[...document.querySelectorAll('.results')].map(e => [...e.children].map(x => "
        "Math.round(x.getBoundingClientRect().width / e.getBoundingClientRect().width * 10)))"
    )
    assert all(widths in ([10], [10, 5, 5]) for widths in grids)  # No column is empty.
    assert browser.js(  # Shapes behind a line of code stay on it.
        "[...document.querySelectorAll('.rules pre')].every(e => e.getClientRects().length && "
        "Math.abs(e.scrollHeight - 2 * parseFloat(getComputedStyle(e).paddingTop) - "
        "e.textContent.trimEnd().split('\\n').length * "
        "parseFloat(getComputedStyle(e).lineHeight)) < 12)"
    )
    browser.call("Emulation.setEmulatedMedia", media="")
    data = browser.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"]
    pages = base64.b64decode(data).count(b"/Type /Page\n")
    assert len(NETWORKS) < pages < 5 * len(NETWORKS)


def rgb(colour):
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


def test_a_switch_shows_the_other_passes_without_a_script(browser, folder):
    browser.open(folder / "index.html")
    visible = (
        "[...document.querySelectorAll('#sigmoid-neuron figure')]"
        ".filter(e => e.offsetHeight).map(e => e.className)"
    )
    assert browser.js(visible) == ["forward"]
    label = '#sigmoid-neuron label[for="sigmoid-neuron-backward-pass"]'
    browser.js(f"document.querySelector('{label}').scrollIntoView({{block: 'center'}})")
    browser.click(label)
    assert browser.js(visible) == ["backward"]
    browser.press("ArrowRight")
    assert browser.js(visible) == ["both"]


def test_contents_stay_in_view_and_on_paper_they_are_left_out(browser, folder):
    browser.open(folder / "index.html", hash="#two-layers")
    assert browser.js("document.querySelector('nav').getBoundingClientRect().top") == 0
    assert browser.js("document.getElementById('two-layers').getBoundingClientRect().top") > 40
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.js("document.querySelector('nav').offsetHeight") == 0
    shown = browser.js(
        "[...document.querySelectorAll('figure')].filter(e => e.offsetHeight).length"
    )
    browser.call("Emulation.setEmulatedMedia", media="")
    assert shown == 2 * len(NETWORKS)


def test_the_pages_that_it_links_to_play(browser, folder):
    browser.open(folder / "index.html", width=390, height=844)
    browser.js("document.querySelector('#one-weight .button').scrollIntoView({block: 'center'})")
    browser.click("#one-weight .button")
    browser.wait("document.getElementById('scrub')?.max")
    assert browser.js("document.title") == "One weight, 5 → 42, first step"
    for name in ("one-weight", "sigmoid-neuron", "two-two-one"):
        browser.open(folder / f"{name}-training.html")
        losses = []
        for key in ("Home", "End"):
            browser.press(key)
            loss = browser.js("document.querySelector('g.output .value.number').textContent")
            losses.append(number(loss))
        assert losses[1] < losses[0]
        assert browser.complaints == []
