"""What the package promises by its names: which there are, that each is explained, and what importing them costs."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import anomalert

ROOT = Path(__file__).resolve().parent.parent

PUBLIC_MODULES = [
    "anomalert",
    "anomalert.errors",
    "anomalert.interfaces",
    "anomalert.labels",
    "anomalert.measures",
    "anomalert.sources",
    "anomalert.reference",
    "anomalert.testing",
]
"""Where other people import from."""

HEAVY = {
    "chdb",
    "clickhouse_connect",
    "matplotlib",
    "numba",
    "pandahouse",
    "psycopg",
    "pytest",
    "requests",
    "scipy",
    "sqlite3",
    "statsmodels",
    "tqdm",
}

WITHOUT_EXAMPLE = {
    "Alert": "a record that a run hands over; the example of Pipeline shows it",
    "Baseline": "a record that `Detector.bounds` receives; the example of Detector shows it",
    "Bounds": "a record that `Detector.bounds` returns; the example of Detector shows it",
    "ChdbClient": "opens the one database of its process; docs/reference.md and the demo show it",
    "ClickHouseClient": "a seam; ClickHouseSource shows its use",
    "Delivery": "a record that a run hands over; docs/delivery.md shows it",
    "Detection": "comes from `Detector.detect`; the example of every detector shows it",
    "DetectorCheck": "comes from `detector_checks`, whose example shows it",
    "Fact": "a part of Message, whose use docs/extending.md shows",
    "Injected": "comes from `inject`, whose example shows it",
    "Message": "a record that `Notifier.send` receives; docs/extending.md shows it",
    "Notifier": "a seam; docs/extending.md writes one in full",
    "Probing": "a seam; docs/extending.md tells when to have it",
    "Picture": "a part of Message, whose use docs/extending.md shows",
    "RunReport": "comes from `Pipeline.run`; the example of Pipeline shows it",
    "Source": "a seam; docs/extending.md writes one in full",
    "Sensitivity": "comes from `detectable`, whose example shows it",
    "load_events": "needs a database; the demo shows it",
    "planted_labels": "docs/reference.md shows it",
    "plugin_name": "its one line of text says all",
}
"""Public names whose docstring has no example of its own, and where the reader finds one instead."""


def public_objects() -> dict[str, object]:
    """Return every public class and function that is not an error, by name."""
    found: dict[str, object] = {}
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            thing = getattr(module, name)
            if (inspect.isclass(thing) or inspect.isfunction(thing)) and not is_error(thing):
                found[name] = thing
    return found


def is_error(thing: object) -> bool:
    """Whether it is a class of exceptions: the tree in `anomalert.errors` explains all of them at once."""
    return inspect.isclass(thing) and issubclass(thing, Exception)


def names_of(module: ModuleType) -> set[str]:
    """Return what a module offers without being asked for more: no modules, nothing with an underscore."""
    return {name for name, thing in vars(module).items() if not name.startswith("_") and not inspect.ismodule(thing)}


def test_the_package_offers_exactly_what_it_lists() -> None:
    """`__all__` holds every public name of the package once, and nothing else."""
    assert len(set(anomalert.__all__)) == len(anomalert.__all__)
    assert set(anomalert.__all__) == names_of(anomalert)


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_every_listed_name_exists(module_name: str) -> None:
    """What `__all__` lists can be imported."""
    module = importlib.import_module(module_name)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize(
    "imported", ["anomalert", "anomalert.cli, anomalert.reference, anomalert.testing"], ids=["package", "the rest"]
)
def test_importing_loads_nothing_heavy(imported: str) -> None:
    """A fresh interpreter that imports us has loaded neither drawing, statistics, a database driver nor pytest."""
    code = f"import sys, {imported}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert "pandas" in loaded.split()
    assert sorted(HEAVY.intersection(loaded.split())) == []


@pytest.mark.parametrize("name", sorted(public_objects()))
def test_every_public_name_is_explained_by_an_example(name: str) -> None:
    """The docstring of each public class and function has an example, or a reason not to, and never both."""
    docstring = inspect.getdoc(public_objects()[name])
    assert docstring
    has_example = ">>>" in docstring and "Examples\n--------" in docstring
    assert has_example != (name in WITHOUT_EXAMPLE)


def test_every_reason_is_about_a_public_name() -> None:
    """No reason is kept for a name that is gone."""
    assert sorted(set(WITHOUT_EXAMPLE) - set(public_objects())) == []


@pytest.mark.parametrize("name", sorted(public_objects()))
def test_docstrings_describe_the_parameters_that_there_are(name: str) -> None:
    """Where a docstring has a section of parameters, it names those of the signature, in their order."""
    thing = public_objects()[name]
    described = described_parameters(inspect.getdoc(thing) or "")
    assert callable(thing)
    if described:
        accepted = [each for each in inspect.signature(thing).parameters if not each.startswith("_")]
        assert described == accepted


def described_parameters(docstring: str) -> list[str]:
    """Return the names that a numpydoc section of parameters describes."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^(\w[\w, ]*) : ", section.group(1), re.MULTILINE) if section else []
    return [name for head in heads for name in head.split(", ")]


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_the_documentation_mentions_every_public_name(module_name: str) -> None:
    """What can be imported can be read about, in README.md or in a page that somebody wrote."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    listed = importlib.import_module(module_name).__all__
    assert [name for name in listed if not re.search(rf"\b{name}\b", text)] == []
