"""The page of a backtest: that it says what was found, escapes all it is given, and needs nothing but itself."""

import base64
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from anomalert import DayLagRatio, FrameSource, Metric, Monitor, Pipeline, backtest
from anomalert.backtesting.page import Markup, bars, joined, link, section, table
from tests.backtesting.found import MARKUP, START, TAGGED, ZONE, Failing, found, labels, panel, pipeline

VOID = {"meta", "img", "br", "rect", "line"}


@dataclass
class Page(HTMLParser):
    """What a browser makes of a page: its text, its tags with their attributes, and whether all of them are closed."""

    html: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that closes itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Hold that the tag that ends is the last that began."""
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All its words, a space between them."""
        return " ".join(" ".join(self.words).split())

    def values(self, *names: str) -> list[str]:
        """Return the values of attributes of these names."""
        return [value or "" for _, attributes in self.tags for name, value in attributes.items() if name in names]


@pytest.fixture(scope="module")
def page() -> Page:
    """Give the page of the backtest."""
    return Page(found().to_html(pictures=2))


def test_every_tag_is_closed(page: Page) -> None:
    """The page is nested as it should be, with one heading of the first order."""
    assert page.open == []
    assert [tag for tag, _ in page.tags].count("h1") == 1


def test_it_says_how_often_it_would_have_written(page: Page) -> None:
    """Range, weeks, messages a week, and the table of weeks stand on the page as they are in the backtest."""
    backtested = found()
    assert f"2026-10-12 00:00 to 2026-10-26 00:00, 2.0 weeks. Times are those of {ZONE}." in page.text
    assert f"{backtested.rate:.2f} messages a week and channel" in page.text
    for week, row in backtested.messages_per_week.iterrows():
        numbers = " ".join(map(str, [*row, row.sum()]))
        assert f"{week:%Y-%m-%d} {numbers}" in page.text


def test_it_says_what_happened_and_what_was_held_back(page: Page) -> None:
    """Incidents with their duration, messages, the counts by metric, and those of the steps stand on the page."""
    backtested = found()
    for metric, row in backtested.held.iterrows():
        assert f"{metric} {' '.join(map(str, row))}" in page.text
    for metric, row in backtested.messages_per_metric.iterrows():
        assert f"{metric} {' '.join(map(str, row))}" in page.text
    assert "2026-10-14 15:00 2 h <b>x</b> down" in page.text
    for slot, kind in backtested.messages[["slot", "kind"]].itertuples(index=False):
        assert f"{slot.tz_convert(ZONE):%Y-%m-%d %H:%M} {kind}" in page.text


def test_it_tells_the_settings(page: Page) -> None:
    """Detector and policy of every metric stand on the page, so that a page is known by what was tried."""
    assert "DayLagRatio(days=1, threshold=0.5)" in page.text
    assert "direction='both', min_score=1.0, min_change=0.0, min_volume=10.0, persist=(2, 3)" in page.text
    assert "direction='down'" in page.text


def test_the_gravest_incidents_are_pictured(page: Page) -> None:
    """As many as asked for, each reached by a link of its row, and the page says how many more there are."""
    depth = found().incidents["peak_deviation"].abs().sort_values(ascending=False, kind="stable")
    wanted = {f"incident-{row + 1}" for row in depth.index[:2]}
    assert set(page.values("id")) == wanted
    assert set(page.values("href")) == {f"#{name}" for name in wanted}
    assert f"Pictured are the 2 gravest; {len(depth) - 2} more are not." in page.text
    pictures = [base64.b64decode(source.partition(",")[2]) for source in page.values("src")]
    assert len(pictures) == 4
    assert all(each.startswith(b"\x89PNG") for each in pictures)


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    """No script, no style sheet, no address: what is referred to is in the page, and its policy forbids the rest."""
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form"})
    assert [
        value for value in page.values("src", "href", "srcset", "action") if not value.startswith(("data:", "#"))
    ] == []
    assert not re.search(r"https?://|@import|url\(", page.html)
    policies = [value for value in page.values("content") if "default-src" in value]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert [name for _, attributes in page.tags for name in attributes if name.startswith("on")] == []


def test_names_are_text_wherever_they_stand(page: Page) -> None:
    """A metric and a pipeline that are called like tags are shown by those names and are none."""
    assert {tag for tag, _ in page.tags}.isdisjoint({"script"})
    assert MARKUP in page.text
    assert TAGGED in page.text
    assert TAGGED not in page.html
    assert f"{TAGGED}: the whole course" in page.values("alt")


def test_links_of_metrics_are_links_unless_they_could_run_something() -> None:
    """What the user links to is linked; a target that is a script is text."""
    links = {"Dashboard": 'https://bi.example/?a=1&b="2"', MARKUP: "javascript:alert(1)"}
    backtested = backtest(pipeline(links), start=START, end="2026-10-13", progress=False)
    made = Page(backtested.to_html(pictures=0))
    assert made.values("href") == ['https://bi.example/?a=1&b="2"']
    assert f"{MARKUP}: javascript:alert(1)" in made.text


def test_errors_are_told_and_escaped() -> None:
    """A metric that could not be judged is told of first, in the words of its error, which are no markup."""
    monitor = Monitor(FrameSource(panel(), name="feed"), [Metric("views", Failing())], timezone=ZONE)
    backtested = backtest(Pipeline([monitor]), start=START, end="2026-10-14", progress=False)
    made = Page(backtested.to_html())
    assert "Errors" in made.text
    assert MARKUP in made.text
    assert "script" not in {tag for tag, _ in made.tags}
    assert made.text.index("Errors") < made.text.index("Messages a week")


def test_known_events_are_compared() -> None:
    """A backtest with labels has a part with its scores; one without has none."""
    text = Page(found().to_html(pictures=0)).text
    assert "Known events: 1, shaded in the pictures." in text
    header = " ".join(found().scores.columns)
    assert f"metric {header} views" in text
    assert "known events" not in Page(replace(found(), labels=None).to_html(pictures=0)).text


def test_it_says_that_it_was_interrupted() -> None:
    """A page of a part is not taken for one of the whole; one of nothing at all is a page, too."""
    part = replace(found(), is_complete=False)
    assert "It was interrupted" in Page(part.to_html(pictures=0)).text
    nothing = replace(
        part, end=part.start, verdicts={"feed": ()}, said=(), known_incidents=(), labels=labels().iloc[:0]
    )
    made = Page(nothing.to_html())
    assert "There were none." in made.text
    assert "data:image" not in made.html


def test_it_is_written_where_asked(tmp_path: Path) -> None:
    """What is written is what is returned."""
    place = tmp_path / "report.html"
    assert found().to_html(place, pictures=0) == place.read_text(encoding="utf-8")


def test_the_same_backtest_gives_the_same_page(page: Page) -> None:
    """No time of making, no address of an object: pages can be compared."""
    assert found().to_html(pictures=2) == page.html


def test_a_notebook_shows_the_messages_a_week() -> None:
    """In a notebook a backtest shows its words and the table of weeks, escaped as on the page."""
    shown = Page(found()._repr_html_())
    assert shown.open == []
    assert "script" not in {tag for tag, _ in shown.tags}
    assert f"{len(found().said)} messages a channel" in shown.text
    assert f"week from views {TAGGED} sources all" in shown.text


def test_many_metrics_do_not_make_a_table_without_end() -> None:
    """With more metrics than fit, the table of weeks shows those with the most messages, and the sum of the others."""
    index = pd.date_range("2026-10-05", periods=9 * 96, freq="15min", tz="UTC")
    names = [f"m{place:02d}" for place in range(30)]
    rows = pd.DataFrame(100.0, index, names)
    rows.iloc[-100:-90, 29] = 5.0
    monitor = Monitor(FrameSource(rows), [Metric(name, DayLagRatio()) for name in names])
    made = Page(backtest(monitor, rows, progress=False)._repr_html_())
    heads = [word for word in made.words if re.fullmatch(r"m\d\d|sources|others|all", word)]
    assert len(heads) == 14
    assert "m29" in heads
    assert heads[-2:] == ["others", "all"]


def test_long_lists_end_and_say_how_much_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more rows than a page should hold, the first are listed, and the number of the rest is told."""
    monkeypatch.setattr("anomalert.backtesting.report.MOST_ROWS", 1)
    made = Page(found().to_html(pictures=0))
    assert made.text.count(f"{len(found().messages) - 1} more are not listed.") >= 1


def test_a_cell_is_escaped_and_a_number_stands_on_the_right() -> None:
    """Text that is no markup is escaped in tables, sections, links and charts; unknown numbers are a dash."""
    made = table(["a", "<b>"], [["<i>", 1.5], ["x", float("nan")]])
    assert "<td>&lt;i&gt;</td>" in made
    assert '<td class="number">1.5</td>' in made
    assert '<td class="number">–</td>' in made
    assert '<th class="number">&lt;b&gt;</th>' in made
    assert section("<h>", "<p>") == "<section><h2>&lt;h&gt;</h2>\n<p>&lt;p&gt;</p></section>\n"
    assert link('https://a/?x="', "<") == '<a href="https://a/?x=&quot;">&lt;</a>'
    assert "&lt;w&gt;" in bars(["<w>"], [1], "<u>")
    assert joined(["<", Markup("<br>")]) == "&lt;<br>"


def test_bars_are_as_high_as_their_values() -> None:
    """Heights are proportional to the values, and a chart without any draws."""
    heights = [
        float(height) for height in re.findall(r'<rect [^>]*height="([\d.]+)"', bars(["a", "b", "c"], [2, 0, 4], "m"))
    ]
    assert heights == [heights[2] / 2, 0.0, heights[2]]
    assert heights[2] > 100
    assert "<rect" not in bars([], [], "m")
