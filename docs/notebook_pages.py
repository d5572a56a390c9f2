"""Makes pages of the notebooks in `examples/`: runs the cells of each and writes them down with what they show.

A notebook is a Python file in percent format: `# %%` begins a cell of code, `# %% [markdown]` one of text in comments.
What a cell prints and the value of its last expression are shown below it, a figure as a picture. A cell that fails
fails the build.
"""

import ast
import contextlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pandas as pd

NOTEBOOKS = ("compare_detectors", "backtest_and_tune", "write_a_detector")

MARK = re.compile(r"^# %%(?P<rest>.*)$", re.MULTILINE)

ALT = "A picture of what the cell above found"


class Cell(NamedTuple):
    """A cell, and the line of the file that it begins at."""

    text: str
    is_markdown: bool
    line: int


class Shown(NamedTuple):
    """What a cell printed, and the value of its last expression."""

    printed: str
    value: object


def write_all(examples: Path, folder: Path) -> None:
    """Write a page for every notebook of `examples`, and its pictures, into `folder`."""
    for name in NOTEBOOKS:
        write_page(examples / f"{name}.py", folder)


def write_page(path: Path, folder: Path) -> ModuleType:
    """Run a notebook, write its page and pictures into `folder`, and return what it has defined at its end."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[str] = []
    with _as_module(path) as module, pd.option_context("display.width", 100, "display.max_columns", 20):
        for number, cell in enumerate(cells_of(path.read_text(encoding="utf-8"))):
            if cell.is_markdown:
                parts.append(linked(cell.text))
                continue
            shown = run(cell, path, module)
            parts += [fenced(cell.text, "python"), *_outputs(shown, folder / f"{path.stem}-{number}.png")]
    parts.append(f"---\n\n*`examples/{path.name}`, run when this page was made.*")
    (folder / f"{path.stem}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return module


def cells_of(source: str) -> list[Cell]:
    """Return the cells of a percent file that hold anything; what stands before the first mark is no cell."""
    marks = list(MARK.finditer(source))
    ends = [mark.start() for mark in marks[1:]] + [len(source)]
    cells = []
    for mark, end in zip(marks, ends, strict=True):
        is_markdown = mark["rest"].strip().startswith("[markdown]")
        body = source[mark.end() : end]
        text = re.sub(r"^# ?", "", body, flags=re.MULTILINE) if is_markdown else body
        if text.strip():
            blank = len(body) - len(body.lstrip("\n"))
            cells.append(Cell(text.strip("\n"), is_markdown, source.count("\n", 0, mark.end() + blank) + 1))
    return cells


def run(cell: Cell, path: Path, module: ModuleType) -> Shown:
    """Run a cell of code in `module`."""
    tree = ast.parse(cell.text, filename=str(path))
    ast.increment_lineno(tree, cell.line - 1)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, str(path), "exec"), vars(module))
        value = None
        if last is not None:
            value = eval(compile(ast.Expression(last.value), str(path), "eval"), vars(module))
    return Shown(printed.getvalue(), value)


def fenced(text: str, language: str) -> str:
    """Return text as a block, behind a fence that is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def linked(text: str) -> str:
    """Return the text of a notebook with its links to the documentation as seen from the page."""
    return text.replace("](../docs/", "](../")


def _outputs(shown: Shown, picture: Path) -> Iterator[str]:
    from matplotlib.figure import Figure

    if shown.printed.strip():
        yield fenced(shown.printed, "text")
    if isinstance(shown.value, Figure):
        shown.value.savefig(picture)
        yield f"![{ALT}]({picture.name})"
    elif shown.value is not None:
        yield fenced(repr(shown.value), "text")


@contextlib.contextmanager
def _as_module(path: Path) -> Iterator[ModuleType]:
    """Give a module that the notebook is run in; classes that it defines can be found in it, as by dataclasses."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = module
    try:
        yield module
    finally:
        if before is None:
            del sys.modules[path.stem]
        else:
            sys.modules[path.stem] = before
