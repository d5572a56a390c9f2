"""Channels that messages go to. Each is a class with `send`, see `anomalert.interfaces.Notifier`."""

from anomalert.notifiers.console import ConsoleNotifier
from anomalert.notifiers.telegram import TelegramNotifier

__all__ = ["ConsoleNotifier", "TelegramNotifier"]
