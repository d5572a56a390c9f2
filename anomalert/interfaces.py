"""What the author of a plug-in reads: the seams `Source` and `Notifier`, and the records that cross them.

Any room may call this; it calls `errors`. A detector's seam is `anomalert.detector`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import pandas as pd

from anomalert.errors import AnomalertError, Outcome, RunError

__all__ = [
    "Alert",
    "AlertKind",
    "Delivery",
    "Direction",
    "Fact",
    "Message",
    "Notifier",
    "Picture",
    "Probing",
    "RunReport",
    "Source",
    "plugin_name",
]

Direction = Literal["up", "down"]
AlertKind = Literal[
    "opened", "worsened", "reminder", "resolved", "no_data", "source_failed", "data_back", "ledger_lost"
]


@runtime_checkable
class Source(Protocol):
    """Where the values of metrics come from. A class with `read` is one; it needs to inherit nothing.

    A `name` attribute, if there is one, names the source in errors; else its class does.
    """

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return the rows of the slots in the half-open range ``[start, end)``.

        Parameters
        ----------
        start, end : pandas.Timestamp
            Aware instants on the slot grid.

        Returns
        -------
        pandas.DataFrame
            Index: a sorted, unique, UTC DatetimeIndex of slot starts. Columns: one float64 column per
            metric, NaN where the value is unknown. A slot without events may lack its row. An empty range
            gives no rows and the same columns.

        Raises
        ------
        SourceError
            Whenever the rows could not be read *whole*. Part of an answer is never returned.
        """
        ...


@runtime_checkable
class Notifier(Protocol):
    """A channel that messages go to. A class with `send` is one; it needs to inherit nothing.

    A `name` attribute, if there is one, names the channel in reports; else its class does. Two notifiers of
    one pipeline need different names.
    """

    def send(self, message: "Message") -> str | None:
        """Deliver `message`; return only if the channel accepted it.

        Returns
        -------
        str or None
            The receipt: the channel's own id of the message, if it gives one.

        Raises
        ------
        NotSentError, RejectedError, UnknownOutcomeError
            Certainly not delivered; refused; perhaps delivered. Any other exception counts as unknown.
        """
        ...


@runtime_checkable
class Probing(Protocol):
    """A notifier that can also ask its channel whether it answers, without anything that people see.

    It is asked only if messages may not have arrived, or were refused, and there is nothing else to send: once the
    channel answers, they are sent as one. Without `probe` they wait for the next accepted message, which names them.
    """

    def probe(self) -> None:
        """Return if the channel answers now.

        Raises
        ------
        DeliveryError
            If it does not, saying why. Any other exception counts as that too.
        """
        ...


@dataclass(frozen=True)
class Alert:
    """What is said about one metric in one slot.

    Parameters
    ----------
    kind : str
        Of an incident: ``opened``, ``worsened``, ``reminder``, ``resolved``. Of our own sight: ``no_data`` (its source
        has nothing for the slot, or only the metric has had no values for long), ``source_failed`` (it could not be
        read), ``data_back``. Of our own memory: ``ledger_lost`` (what was told before is forgotten).
    pipeline, metric : str
        Their names; `metric` is empty where it is about the ledger.
    slot : pandas.Timestamp
        Start of the slot, UTC.
    value, expected, lower, upper : float
        In the metric's unit; NaN where unknown: the value when its source is silent, the rest without a baseline.
    deviation : float
        Signed, relative: ``(value - expected) / max(|value|, |expected|)``.
    score : float
        Distance from `expected` in units of the distance to the bound on that side; above 1 is outside.
    direction : {"up", "down"} or None
        The side of the incident; None when it is about a source, a metric without values or the ledger.
    incident : str
        Names the incident: what its later alerts share.
    """

    kind: AlertKind
    pipeline: str
    metric: str
    slot: pd.Timestamp
    value: float
    expected: float
    lower: float
    upper: float
    deviation: float
    score: float
    direction: Direction | None
    incident: str


@dataclass(frozen=True)
class Fact:
    """A paragraph of a message, plain text: usually the numbers of one metric."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A picture of a message, drawn only when a notifier asks for it.

    Parameters
    ----------
    name : str
        A file name without ending, such as ``"likes-20261101T1015Z"``.
    description : str
        Plain text for those who cannot see the picture.
    draw : callable
        Gives the bytes of a PNG. May raise: the text of a message never depends on its pictures.
    """

    name: str
    description: str
    draw: Callable[[], bytes] = field(repr=False)


@dataclass(frozen=True)
class Message:
    """What is sent: the alerts of one episode for one slot, in plain text, before any channel's markup.

    Parameters
    ----------
    key : str
        Unique to this message and the same when it is sent again: a channel's key against duplicates.
    alerts : tuple of Alert
        The gravest first.
    headline : str
        One line that says what happened.
    facts : tuple of Fact
        The numbers, one paragraph per alert; of many alerts the gravest, and then how many follow.
    links : mapping of str to str
        Label to URL: where to look for the cause.
    pictures : tuple of Picture
        In the order of the alerts, ten at most.
    reply_to : str, optional
        The receipt of the message that this one follows.
    """

    key: str
    alerts: tuple[Alert, ...]
    headline: str
    facts: tuple[Fact, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    reply_to: str | None = None


@dataclass(frozen=True)
class Delivery:
    """One message to one notifier, with its outcome.

    Parameters
    ----------
    message, notifier : str
        The message's key and the notifier's name.
    outcome : {"accepted", "not_sent", "rejected", "unknown"}
        What became of it.
    receipt : str, optional
        The channel's id of the message, if it was accepted and the channel gives one.
    error : str, optional
        Why it was not accepted, without secrets.
    """

    message: str
    notifier: str
    outcome: Outcome
    receipt: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class RunReport:
    """What a run saw, said and could not do. Plain data: nothing in it is bound to the pipeline.

    Parameters
    ----------
    at : pandas.Timestamp
        The instant that was judged, UTC.
    judgements : pandas.DataFrame
        One row per metric and judged slot: the verdict, and for each policy step whether it held it back.
    alerts : tuple of Alert
        What there was to say; an anomaly found is a success of the run.
    deliveries : tuple of Delivery
        What was sent, to whom, with which outcome; empty in a dry run.
    errors : tuple of AnomalertError
        What could not be read, judged or delivered.
    """

    at: pd.Timestamp
    judgements: pd.DataFrame
    alerts: tuple[Alert, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    errors: tuple[AnomalertError, ...] = ()

    @property
    def status(self) -> Literal["done", "failed"]:
        """``"failed"`` if anything could not be read, judged or delivered, else ``"done"``."""
        return "failed" if self.errors else "done"

    @property
    def exit_code(self) -> int:
        """0 if all was read, judged and delivered, whatever was found; else 1."""
        return 1 if self.errors else 0

    def raise_for_status(self) -> None:
        """Raise a `RunError` of all errors, from the first that has a cause: makes a scheduler's task fail."""
        if self.errors:
            first = next((error for error in self.errors if error.__cause__ is not None), self.errors[0])
            listed = "\n".join(f"- {type(error).__name__}: {error}" for error in self.errors)
            raise RunError(f"the run at {self.at.isoformat()} failed in part:\n{listed}") from first

    def to_dict(self) -> dict[str, Any]:
        """Return the report as lists, dicts, texts and numbers that `json.dumps` accepts; NaN is None."""
        return {
            "at": self.at.isoformat(),
            "status": self.status,
            "exit_code": self.exit_code,
            "judgements": [_plain(row) for row in self.judgements.to_dict("records")],
            "alerts": [_plain(asdict(alert)) for alert in self.alerts],
            "deliveries": [asdict(delivery) for delivery in self.deliveries],
            "errors": [{"type": type(error).__name__, "message": str(error)} for error in self.errors],
        }


def plugin_name(plugin: object) -> str:
    """Return the `name` of a source or notifier, or that of its class."""
    return str(getattr(plugin, "name", None) or type(plugin).__name__)


def _plain(record: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): _plain_value(value) for key, value in record.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value
