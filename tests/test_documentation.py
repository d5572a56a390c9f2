"""What README.md, docs and the gate say of each other: commands, links, pictures. Their Python runs as tests too."""

import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import anomalert

ROOT = Path(__file__).resolve().parent.parent

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "schedulers").glob("*.md")])

LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")

GREY_LEVELS_APART = 2.0
"""On average over all points of a picture: two releases of matplotlib may round edges differently."""


def bash_lines(page: Path) -> list[str]:
    """Return the lines of the blocks of shell commands of a page."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def drawings() -> ModuleType:
    """Return the module that draws the pictures of the documentation."""
    return module_of_docs("drawings")


def notebook_pages() -> ModuleType:
    """Return the module that makes pages of notebooks."""
    return module_of_docs("notebook_pages")


def module_of_docs(name: str) -> ModuleType:
    """Return a module of the folder `docs`."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_gate_runs_the_readme_word_for_word() -> None:
    """The two commands that README.md promises are lines of `.ci/run`, so that neither can drift from the other."""
    promised = bash_lines(ROOT / "README.md")
    gate = [line.strip() for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()]
    assert len(promised) == 2
    assert [line for line in promised if line not in gate] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    """What a page links to inside of the project is there, or is made when the documentation is built."""
    made = {f"_build/drawn/{name}.png" for name in drawings().PICTURES}
    made |= {f"notebooks/{name}.md" for name in notebook_pages().NOTEBOOKS}
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = LINK.findall(prose)
    assert [each for each in targets if each not in made and not (page.parent / each).exists()] == []


def test_every_detector_has_a_section_and_a_picture() -> None:
    """The page of detectors has a heading for every built-in detector, and a picture that is drawn by it."""
    text = (ROOT / "docs" / "detectors.md").read_text(encoding="utf-8")
    public = [getattr(anomalert, name) for name in anomalert.__all__]
    detectors = [each for each in public if inspect.isclass(each) and issubclass(each, anomalert.Detector)]
    names = {each.__name__ for each in detectors if not inspect.isabstract(each)}
    assert names <= set(re.findall(r"^## (\w+)$", text, re.MULTILINE))
    assert names == {type(detector).__name__ for detector in drawings().DETECTORS.values()}


def test_pictures_are_drawn(tmp_path: Path) -> None:
    """Building the documentation draws every picture that it promises, each once and each a PNG."""
    module = drawings()
    module.draw_all(tmp_path)
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(module.PICTURES)
    contents = [path.read_bytes() for path in tmp_path.iterdir()]
    assert all(content.startswith(b"\x89PNG") for content in contents)
    assert len(set(contents)) == len(contents)


@pytest.mark.chdb
def test_the_alert_that_the_readme_shows_is_the_one_of_the_demo(tmp_path: Path) -> None:
    """`anomalert demo` draws the picture that README.md shows."""
    # In a process of its own: chDB opens one database per process.
    code = "import sys; from anomalert.cli import main; sys.exit(main(['demo', '--directory', sys.argv[1]]))"
    demo = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert demo.returncode == 0, demo.stderr
    (drawn,) = tmp_path.glob("views-*.png")
    shown = ROOT / "docs" / "images" / "alert.png"
    assert mean_difference(drawn, shown) < GREY_LEVELS_APART, "draw it anew: run the demo, copy its picture of views"


def mean_difference(one: Path, other: Path) -> float:
    """Return how far two pictures of the same size are apart, in levels of 0 to 255."""
    from matplotlib.image import imread

    first, second = (255 * np.asarray(imread(path), dtype=float) for path in (one, other))
    assert first.shape == second.shape
    return float(np.abs(first - second).mean())


NOTEBOOK = """Not a cell.

# %% [markdown]
# # A title
#
# With [a link](../docs/policies.md) and
# - a list

# %%
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    value: int


print("printed")
Answer(42)

# %%
# A figure, which has no text.
from anomalert.testing import synthetic_panel
from anomalert import DayLagRatio

DayLagRatio().detect(synthetic_panel(days=3)).plot("views")

# %%
nothing = None
nothing
"""


class TestNotebookPages:
    """`docs/notebook_pages.py`, which runs notebooks and writes down what they show."""

    def test_a_page_holds_texts_code_and_what_was_shown(self, tmp_path: Path) -> None:
        """Texts lose their comment signs, code stays, what is printed, returned or drawn stands below its cell."""
        (tmp_path / "sample.py").write_text(NOTEBOOK, encoding="utf-8")
        module = notebook_pages().write_page(tmp_path / "sample.py", tmp_path / "pages")
        page = (tmp_path / "pages" / "sample.md").read_text(encoding="utf-8")
        assert page.startswith(
            "# A title\n\nWith [a link](../policies.md) and\n- a list\n\n```python\nfrom dataclasses"
        )
        assert "Answer(42)\n```\n\n```text\nprinted\n```\n\n```text\nAnswer(value=42)\n```" in page
        (picture,) = re.findall(r"!\[.+\]\((.+\.png)\)", page)
        assert (tmp_path / "pages" / picture).read_bytes().startswith(b"\x89PNG")
        assert page.count("```text") == 2
        assert "Not a cell" not in page
        assert module.nothing is None
        assert "sample" not in sys.modules

    def test_a_cell_that_fails_fails_the_page(self, tmp_path: Path) -> None:
        """The error of a cell is raised, and its traceback names the line of the notebook."""
        path = tmp_path / "sample.py"
        path.write_text("# %%\nfine = 1\n\n# %%\n\nfine / 0\n", encoding="utf-8")
        with pytest.raises(ZeroDivisionError) as caught:
            notebook_pages().write_page(path, tmp_path / "pages")
        last = caught.traceback[-1]
        assert (Path(str(last.path)), last.lineno + 1) == (path, 6)

    def test_a_fence_is_longer_than_those_it_holds(self) -> None:
        """Code that holds a fence itself does not end its block."""
        assert notebook_pages().fenced("```\nx\n```\n", "text") == "````text\n```\nx\n```\n````"

    @pytest.mark.parametrize("name", notebook_pages().NOTEBOOKS)
    def test_links_of_notebooks_lead_to_files(self, name: str) -> None:
        """What a notebook links to inside of the project is there, seen from where the notebook lies."""
        path = ROOT / "examples" / f"{name}.py"
        cells = [cell.text for cell in notebook_pages().cells_of(path.read_text(encoding="utf-8")) if cell.is_markdown]
        targets = LINK.findall("\n".join(cells))
        assert len(targets) > 0
        assert [each for each in targets if not (path.parent / each).exists()] == []
