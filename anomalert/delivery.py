"""From an outbox to notifiers: all channels side by side, the fallback after them, an end when somebody asks for it.

Pipelines call this; it calls `channel`.
"""

import time
from collections.abc import Sequence

import pandas as pd

from anomalert.channel import Channel
from anomalert.errors import AnomalertError
from anomalert.interfaces import Delivery, Notifier, plugin_name
from anomalert.outbox import Outbox

__all__ = ["deliver", "note_accepted"]

FALLBACK_SECONDS = 2.0
"""After so long the fallback gets what was refused, also while other channels have not answered."""

ENDING_SECONDS = 2.0
"""How long all channels together may take to note their outcomes when the process is asked to end."""


def deliver(
    outbox: Outbox,
    notifiers: Sequence[Notifier],
    slot: pd.Timestamp,
    deadline: pd.Timedelta,
    fallback: Notifier | None = None,
) -> tuple[list[Delivery], list[AnomalertError]]:
    """Send what is pending, every channel on its own: one that hangs or breaks delays no other.

    Parameters
    ----------
    outbox : Outbox
        What is to be sent.
    notifiers : sequence of Notifier
        To whom.
    slot : pandas.Timestamp
        The newest slot: what is about it goes first, what is older follows, several as one digest.
    deadline : pandas.Timedelta
        How long a channel may take; a channel that has not answered by then is left alone, its outcome unknown.
    fallback : Notifier, optional
        Gets what a channel refuses.

    Returns
    -------
    tuple
        The deliveries of this call, and the errors of those that were not accepted.
    """
    seconds = deadline.total_seconds()
    stand_in = None if fallback is None else plugin_name(fallback)
    channels = [Channel(notifier, outbox, slot, seconds, fallback=stand_in) for notifier in notifiers]
    last = [] if fallback is None else [Channel(fallback, outbox, slot, seconds) for _ in range(2)]
    try:
        _take_turns(channels, last)
    except BaseException:  # Somebody wants the process to end: Ctrl-C, or a scheduler whose time is up.
        until = time.monotonic() + ENDING_SECONDS
        for channel in (*channels, *last):
            channel.leave(max(until - time.monotonic(), 0.0))
        raise
    deliveries = [delivery for channel in (*channels, *last) for delivery in channel.deliveries]
    return deliveries, [error for channel in (*channels, *last) for error in channel.errors]


def _take_turns(channels: Sequence[Channel], last: Sequence[Channel]) -> None:
    """Have all channels send, and then the fallback what they refused: once soon, and once when all have ended."""
    for channel in channels:
        channel.start()
    if last:
        # Soon, so that one channel that hangs does not keep what another refused from being told.
        for channel in channels:
            channel.wait(FALLBACK_SECONDS)
        _fall_back(channels, last[0])
    for channel in channels:
        channel.finish()
    if last and any(channel.refused for channel in channels):
        _fall_back(channels, last[1])


def _fall_back(channels: Sequence[Channel], last: Channel) -> None:
    for channel in channels:
        while channel.refused:
            message, error = channel.refused.pop(0)
            last.reasons.setdefault(message.key, {})[channel.name] = str(error)
    last.start()
    last.finish()


def note_accepted(outbox: Outbox, deliveries: Sequence[Delivery]) -> None:
    """Note in an outbox that was opened anew what was accepted and could not be noted before."""
    for delivery in deliveries:
        if delivery.outcome != "accepted":
            continue
        waiting = {pending.message.key for pending in outbox.pending(delivery.notifier)}
        attempt = outbox.claim([delivery.message], delivery.notifier) if delivery.message in waiting else None
        if attempt is not None:
            keys, to = [delivery.message], delivery.notifier
            outbox.record(keys, to, attempt, "accepted", receipt=delivery.receipt, final=True)
