"""Answers that arrive badly, through pandahouse: cut at every byte, hanging, dripping, too long, no ClickHouse's."""

import gzip
import time
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalert.errors import SourceError
from anomalert.sources import ClickHouseSource, PandahouseClient
from tests.sources.samples import COLUMNS, END, QUERY, START, sample_panel
from tests.stubs.clickhouse_stub import FRAMINGS, Framing, Reply, answers, described, stub_server, tsv

DESCRIPTION = described(COLUMNS)


def read(url: str, deadline: str = "5s") -> pd.DataFrame:
    """Read the window of the samples from a stub."""
    return ClickHouseSource(QUERY, {"host": url}, deadline=deadline, name="feed").read(START, END)


def accepted_cuts(description: Reply, rows: Reply, panel: pd.DataFrame) -> tuple[int, int]:
    """Cut the description, then the rows, before every byte; return how many cuts there were and were accepted."""
    cuts = [(cut, rows) for cut in description.cuts()] + [(description, cut) for cut in rows.cuts()]
    accepted = 0
    with stub_server(answers(description, rows)) as stub:
        pd.testing.assert_frame_equal(read(stub.url), panel)
        for cut in cuts:
            stub.respond = answers(*cut)
            try:
                read(stub.url)
            except SourceError:
                continue
            accepted += 1
    return len(cuts), accepted


@pytest.mark.parametrize("framing", FRAMINGS)
def test_no_cut_is_accepted(framing: Framing) -> None:
    """An answer that lacks any of its last bytes is an error, whether its length is told, in chunks, or not at all."""
    panel = sample_panel(4)
    description, rows = replace(DESCRIPTION, framing=framing), replace(tsv(panel), framing=framing)
    cuts, accepted = accepted_cuts(description, rows, panel)
    assert cuts >= len(description.body) + len(rows.body)
    assert accepted == 0


@given(rows=st.integers(0, 12), seed=st.integers(0, 999), share=st.floats(0, 1, exclude_max=True))
def test_no_cut_of_any_panel_is_accepted(rows: int, seed: int, share: float) -> None:
    """Where nothing but the end of the connection tells the end of an answer, its own proof finds every cut."""
    body = tsv(sample_panel(rows, seed)).body
    cut = replace(tsv(sample_panel(rows, seed)), framing="close", cut=int(share * len(body)))
    with stub_server(answers(DESCRIPTION, cut)) as stub, pytest.raises(SourceError):
        read(stub.url)


@pytest.mark.parametrize(
    "stuck", [Reply(hangs=True), replace(tsv(sample_panel(40)), pause=0.05), replace(DESCRIPTION, pause=0.05)]
)
@pytest.mark.parametrize("which", ["description", "rows"])
def test_the_deadline_holds(stuck: Reply, which: str) -> None:
    """A server that hangs or drips, in either of the two answers, is given up within a second of the deadline."""
    respond = answers(stuck, tsv(sample_panel())) if which == "description" else answers(DESCRIPTION, stuck)
    with stub_server(respond) as stub:
        began = time.monotonic()
        with pytest.raises(SourceError, match=r"source 'feed': no whole answer within `deadline`, 0 days 00:00:00\.4"):
            read(stub.url, deadline="400ms")
        assert time.monotonic() - began < 1.4


def test_a_long_answer_is_stopped_at_the_limit() -> None:
    """More bytes than agreed are not read, and the limit is named."""
    with stub_server(answers(DESCRIPTION, tsv(sample_panel(190)))) as stub:
        client = PandahouseClient({"host": stub.url}, max_bytes=5_000)
        with pytest.raises(SourceError, match="longer than `max_bytes`, 5000"):
            ClickHouseSource(QUERY, client=client).read(START, END)
        roomy = PandahouseClient({"host": stub.url}, max_bytes=50_000)
        assert len(ClickHouseSource(QUERY, client=roomy).read(START, END)) == 190


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_compressed_answer_is_read(framing: Framing) -> None:
    """Servers of today compress their answers by default."""
    panel = sample_panel()
    body = gzip.compress(tsv(panel).body)
    packed = replace(tsv(panel), body=body, headers=("Content-Encoding: gzip",), framing=framing)
    with stub_server(answers(DESCRIPTION, packed)) as stub:
        pd.testing.assert_frame_equal(read(stub.url), panel)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(), "it ends after 0 bytes"),
        (Reply(b"<html>Please log in</html>\n"), "or not one of ClickHouse: it begins with: <html>Please log in"),
        (Reply(b"\x1f\x8b\xff\n\n\n"), "not one of ClickHouse"),
        (Reply(b"", "401 Unauthorized"), "HTTP 401 without a text"),
        (Reply(b"Code: 516. DB::Exception: no such user\n", "403 Forbidden"), "Code: 516. DB::Exception: no such user"),
        (Reply(b"<h1>Bad Gateway</h1>", "502 Bad Gateway"), "<h1>Bad Gateway</h1>"),
        (Reply(b"", "302 Found", headers=("Location: http://127.0.0.1:9/",)), "Connection refused"),
    ],
)
@pytest.mark.parametrize("which", ["description", "rows"])
def test_what_is_no_answer_is_told(reply: Reply, told: str, which: str) -> None:
    """Login pages, gateways and refusals are errors in the words that came, for either of the two statements."""
    respond = answers(reply, tsv(sample_panel())) if which == "description" else answers(DESCRIPTION, reply)
    with stub_server(respond) as stub, pytest.raises(SourceError) as caught:
        read(stub.url)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("appended", "told"),
    [
        (b"Code: 241. DB::Exception: Memory limit\n", "Code: 241. DB::Exception: Memory limit"),
        (b"__exception__\nabc\nCode: 395. DB::Exception: thrown\n12 abc\n__exception__\n", "Code: 395"),
        (b"\n\n2025\t1\t0\n", "not whole, or not one of ClickHouse"),
        (b"1764547200\t1\t0\t1\t0\t1000000000000000008\n", "9 rows came"),
    ],
)
def test_rows_with_something_behind_them_are_refused(appended: bytes, told: str) -> None:
    """A late error inside of a 200 answer is told; totals and rows too many are refused."""
    reply = Reply(tsv(sample_panel(8)).body + appended)
    with stub_server(answers(DESCRIPTION, reply)) as stub, pytest.raises(SourceError) as caught:
        read(stub.url)
    assert told in str(caught.value)


def test_a_closed_port_is_told() -> None:
    """Where nobody listens, the reason is told and no address with its parameters."""
    with stub_server(lambda sql: Reply(sql.encode())) as stub:
        url = stub.url
    with pytest.raises(SourceError, match=r"source 'feed': ConnectionRefusedError: \[Errno 111\]"):
        read(url)
