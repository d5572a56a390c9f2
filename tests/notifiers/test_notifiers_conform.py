"""The notifiers of this package under the kit that other people's notifiers are held to."""

import io
import socket
from pathlib import Path

from anomalert.notifiers import ConsoleNotifier, TelegramNotifier
from anomalert.testing import check_notifier
from tests.stubs.telegram import CHAT, TOKEN, TelegramStub
from tests.stubs.telegram_faults import accept_then_drop, refuse


def test_telegram_conforms() -> None:
    """Accepted, refused, dropped and unreachable: the kit finds nothing, and no secret."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}"
    refusing, dropping = refuse(403, "Forbidden: bot was kicked"), accept_then_drop
    with TelegramStub() as good, TelegramStub(default=refusing) as rejecting, TelegramStub(default=dropping) as silent:
        check_notifier(
            TelegramNotifier(TOKEN, CHAT, api_url=good.url),
            {
                "not_sent": TelegramNotifier(TOKEN, CHAT, api_url=closed, deadline="200ms"),
                "rejected": TelegramNotifier(TOKEN, CHAT, api_url=rejecting.url),
                "unknown": TelegramNotifier(TOKEN, CHAT, api_url=silent.url),
            },
            received=lambda: [post.text for post in good.posts],
            secrets=[TOKEN],
        )


def test_console_conforms(tmp_path: Path) -> None:
    """The kit finds the console to print every message, and to say when it has nowhere to print."""
    stream, closed = io.StringIO(), io.StringIO()
    closed.close()
    check_notifier(
        ConsoleNotifier(tmp_path, stream),
        {"not_sent": ConsoleNotifier(tmp_path, closed)},
        received=lambda: [stream.getvalue()],
    )
