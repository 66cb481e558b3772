"""Pictures as files: every format, nothing on the terminal, and what is said when layout fails."""

import os
import re
import struct
import subprocess
import sys
import threading
from importlib import import_module
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.draw.arguments import asked
from autograd_lite.draw.render import LayoutError, render
from autograd_lite.draw.text_width import covers, width_of

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawing():
    w = al.Tensor([[0.25], [-0.5]], requires_grad=True)
    x = al.Tensor([[2.0, 3.0]])
    out = al.sigmoid(x @ w)
    loss = ((out - 1) ** 2).mean()
    loss.backward()
    return al.draw(loss, title='σ ∂ × − ᵀ Σ "<&>"')


@pytest.fixture(scope="module")
def svg(drawing):
    return ET.fromstring(drawing.svg())


# ------------------------------------------------------------------ formats


def test_png_is_sharp_and_holds_the_whole_picture(drawing, svg, tmp_path):
    path = drawing.save(tmp_path / "x.png")
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert width == pytest.approx(float(svg.get("width")) * 192 / 72, abs=4)
    assert height == pytest.approx(float(svg.get("height")) * 192 / 72, abs=4)
    assert len(data) > 20_000


def test_pdf_embeds_the_font_that_comes_with_the_package(drawing, tmp_path):
    data = drawing.save(tmp_path / "x.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert b"PictureSans" in data


def test_svg_and_dot_are_the_text_of_the_drawing(drawing, tmp_path):
    assert drawing.save(str(tmp_path / "x.svg")).read_text("utf-8") == drawing.svg()
    assert drawing.save(tmp_path / "x.dot").read_text("utf-8") == drawing.source


def test_the_extension_may_be_in_capitals_and_folders_are_made(drawing, tmp_path):
    path = drawing.save(tmp_path / "new" / "folder" / "X.DOT")
    assert path == tmp_path / "new" / "folder" / "X.DOT"
    assert path.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.jpg", r"'x.jpg' has '.jpg'. Known are .svg, .png, .pdf, .dot"),
        ("x", r"'x' has none. Known are"),
        ("x.svg.gz", r"has '.gz'"),
    ],
)
def test_another_extension_is_an_error_that_lists_those_there_are(drawing, tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        drawing.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------ SVG


def test_svg_scales_into_its_page_and_describes_itself(svg):
    assert svg.get("viewBox").split()[2:] == [
        f"{float(svg.get(s)):.2f}" for s in ("width", "height")
    ]
    assert "max-width: 100%" in svg.get("style")
    assert svg.findtext(f"{SVG}title") == 'Computation graph: σ ∂ × − ᵀ Σ "<&>"'
    assert not [
        element for element in svg.iter() if "id" in element.attrib
    ]  # Two may share a page.


def test_svg_names_nodes_and_arrows_and_explains_boxes(svg):
    nodes = {g.get("data-id"): g for g in svg.iter(f"{SVG}g") if g.get("data-id")}
    assert nodes["n2"].get("class") == "node result"
    assert nodes["n2"].findtext(f"{SVG}title") == "n2 = x @ w\noperation (1, 1) float64"
    arrows = {(g.get("data-from"), g.get("data-to")) for g in svg.iter(f"{SVG}g")}
    assert ("n0", "n2") in arrows


def test_every_text_keeps_within_its_box_whatever_the_font(svg):
    for node in svg.iter(f"{SVG}g"):
        if not node.get("data-id"):
            continue
        shapes = [
            e.get("points") or e.get("d") for e in node if e.tag in (f"{SVG}polygon", f"{SVG}path")
        ]
        xs = [float(x) for shape in shapes for x in re.findall(r"(-?[\d.]+),-?[\d.]+", shape)]
        texts = list(node.iter(f"{SVG}text"))
        assert texts
        for text in texts:
            assert text.get("lengthAdjust") == "spacingAndGlyphs"
            start = float(text.get("x"))
            assert min(xs) < start
            assert start + float(text.get("textLength")) < max(xs)


@pytest.mark.parametrize("name", ['"<>&|{}\\', "&nbsp;&lt;", r"\N\G\l", "</text>", "中文", "  "])
def test_svg_contains_hostile_names_as_they_are(name):
    root = ET.fromstring(al.draw(al.Tensor(1.0, name=name)).svg())
    (box,) = (g for g in root.iter(f"{SVG}g") if g.get("data-id"))
    texts = [text.text for text in box.iter(f"{SVG}text")]
    assert "".join(texts).startswith(name)
    assert box.findtext(f"{SVG}title").startswith(name)


def test_jupyter_gets_a_picture_that_is_not_clipped(drawing):
    bundle = drawing._repr_mimebundle_()
    assert bundle["text/plain"] == repr(drawing)
    assert bundle["image/svg+xml"] == drawing.svg()
    assert drawing.svg() in bundle["text/html"]
    assert "overflow-x:auto" in bundle["text/html"]


# ------------------------------------------------------------------ the engine

PROGRAM = """
import sys
import autograd_lite as al
heavy = {"graphviz", "pygraphviz", "matplotlib", "xml.etree.ElementTree"} & set(sys.modules)
assert not heavy, heavy
w = al.Tensor([1.0, 2.0], requires_grad=True)
for name in ("\u03c3", "\u4e2d"):  # The second needs fonts of the system.
    drawing = al.draw((w * 2).sum(), title=name)
    for kind in ("svg", "png", "pdf", "dot") if name == "\u03c3" else ("svg",):
        drawing.save(sys.argv[1] + "/" + str(len(name)) + "." + kind)
"""


def test_nothing_is_printed_and_no_program_of_the_system_is_needed(tmp_path):
    environment = os.environ | {
        "PATH": str(tmp_path), "GVBINDIR": str(tmp_path), "HOME": str(tmp_path / "none"),
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(list(tmp_path.glob("1.*"))) == 4


def test_drawing_leaves_nothing_behind(drawing, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fonts = import_module("autograd_lite.draw.text_width").FONTS
    before = sorted(fonts.iterdir())
    drawing.svg()
    assert sorted(fonts.iterdir()) == before
    assert not list(tmp_path.iterdir())


def test_several_threads_draw_at_once(drawing):
    found = []
    threads = [threading.Thread(target=lambda: found.append(drawing.svg())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [drawing.svg()] * 4


def test_the_widths_are_those_of_the_fonts():
    assert width_of("0123456789", 10) == pytest.approx(55.62, abs=0.01)
    assert width_of("−", 1) == width_of("+", 1)
    assert width_of("W", 10, bold=True) == pytest.approx(9.44, abs=0.01)
    assert width_of("中", 10) == 10
    assert covers("σ ∂ × − ᵀ Σ ½ ⁻¹ ∞ … Größe Ж")
    assert not covers("中")


def test_without_pygraphviz_there_is_dot_and_the_command_that_installs_it(
    drawing, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(LayoutError, match=r'not installed(.|\n)*pip install .*"pygraphviz>=2"'):
        drawing.save(tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
    assert drawing.save(tmp_path / "x.dot").exists()
    bundle = drawing._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "pip install" in bundle["text/plain"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "raise ImportError('libcgraph.so is missing')",
            "cannot be loaded: .*libcgraph(.|\n)*pip install",
        ),
        ("import os; os.abort()", "was ended by signal 6.*max_nodes=100"),
        ("raise ValueError('out of ideas')", "failed: ValueError: out of ideas"),
    ],
    ids=["broken", "crash", "failure"],
)
def test_a_broken_engine_is_an_error_that_says_what_to_do(
    drawing, tmp_path, monkeypatch, code, message
):
    (tmp_path / "pygraphviz").mkdir()
    (tmp_path / "pygraphviz" / "__init__.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pygraphviz"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(LayoutError, match=message):
        drawing.svg()


def test_a_label_that_the_engine_cannot_read_is_an_error():
    with pytest.raises(LayoutError, match=r"failed: Error: syntax error"):
        render("digraph { a [label=<<B></B>>] }", "svg")


def test_without_the_python_package_graphviz_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ModuleNotFoundError, match="python -m pip install graphviz"):
        al.draw(al.Tensor(np.ones(2)))


def test_draw_is_the_function_and_its_modules_can_be_imported():
    assert callable(al.draw)
    assert import_module("autograd_lite.draw").draw is al.draw
    assert import_module("autograd_lite.draw").Drawing is al.Drawing


def test_what_is_drawn_by_default_is_the_same_for_a_drawing_and_for_a_page():
    assert asked.__kwdefaults__ | {"steps": False} == al.draw.__kwdefaults__
