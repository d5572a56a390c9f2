"""The error tree: one branch for each thing a caller would do about it.

::

    AnomalertError                    catch-all: anomalert could not do what was asked
    |- ConfigurationError             what was asked makes no sense; fix the configuration (also a ValueError)
    |- InvalidPanelError              the data breaks the contract of a panel (also a ValueError)
    |- SourceError                    a source could not be read whole; the slots stay unjudged
    |- DetectorError                  a detector raised, or broke its output contract
    |- LedgerError                    the durable memory cannot be used; runs go on without it, and say so
    |  |- LedgerBusyError               another run of the pipeline is using it
    |  `- LedgerDamagedError            what it holds is not what was written
    |- DeliveryError                  a notifier did not get a message accepted
    |  |- NotSentError                  certainly not delivered: no byte of it was written
    |  |- RejectedError                 the channel answered, and said no
    |  `- UnknownOutcomeError           it may have been delivered: no usable answer came back
    `- RunError                       raised by `RunReport.raise_for_status`

Any room may call this; it calls `foreign`, the bottom layer.
"""

from typing import ClassVar, Literal

from anomalert.foreign import place_of, text_of

__all__ = [
    "AnomalertError",
    "ConfigurationError",
    "DeliveryError",
    "DetectorError",
    "InvalidPanelError",
    "LedgerBusyError",
    "LedgerDamagedError",
    "LedgerError",
    "NotSentError",
    "Outcome",
    "RejectedError",
    "RunError",
    "SourceError",
    "UnknownOutcomeError",
    "raised",
]

Outcome = Literal["accepted", "not_sent", "rejected", "unknown"]
"""What became of one send; the page on delivery says what follows from each."""


class AnomalertError(Exception):
    """The base of every error that anomalert raises on purpose."""


class ConfigurationError(AnomalertError, ValueError):
    """What was asked makes no sense: a setting, a name or an argument must be changed."""


class InvalidPanelError(AnomalertError, ValueError):
    """The data breaks the contract of a panel: the message names the column or slot, and the rule."""


class SourceError(AnomalertError):
    """A source could not be read whole, so the slots asked for stay unjudged.

    The text never holds a secret. Where the driver's own text could hold one, there is no ``__cause__``.
    """


class DetectorError(AnomalertError):
    """A detector raised, or gave bounds that break its contract; the message names detector and metric."""


class LedgerError(AnomalertError):
    """The ledger cannot be read or written: no permission, a full disk, a server that does not answer."""


class LedgerBusyError(LedgerError):
    """Another run of the same pipeline holds the ledger; what this run would have judged is left to the next."""


class LedgerDamagedError(LedgerError):
    """What the ledger holds is not what was written into it: the message names the table and row."""


class DeliveryError(AnomalertError):
    """A notifier did not get a message accepted. Raise one of its subclasses, they say what is known.

    Parameters
    ----------
    message : str
        What happened and what to do, without any secret.
    retry_after : float, optional
        Seconds after which the channel itself said it would accept again.
    """

    outcome: ClassVar[Outcome] = "unknown"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotSentError(DeliveryError):
    """Certainly not delivered, no byte of the request was written: may be tried again freely."""

    outcome: ClassVar[Outcome] = "not_sent"


class RejectedError(DeliveryError):
    """The channel's own answer says no: trying the same again is of no use, unless it names `retry_after`."""

    outcome: ClassVar[Outcome] = "rejected"


class UnknownOutcomeError(DeliveryError):
    """The request was written and no usable answer came back: it may have been delivered."""

    outcome: ClassVar[Outcome] = "unknown"


class RunError(AnomalertError):
    """A run could not read everything or deliver everything; its report lists what failed."""


def raised(kind: type[AnomalertError], where: str, error: BaseException) -> AnomalertError:
    """Return `error` as an error of the tree that names the metric or source it befell, and the line that raised.

    Examples
    --------
    >>> raised(DetectorError, "metric 'likes'", ZeroDivisionError("division by zero"))
    DetectorError("metric 'likes': raised ZeroDivisionError: division by zero")
    """
    if isinstance(error, AnomalertError):
        text = text_of(error)
    elif issubclass(kind, DetectorError):
        place = place_of(error)
        text = f"raised {type(error).__name__}: {text_of(error)}" + (f" ({place.strip()})" if place else "")
    else:  # A driver's own text may hold the password it was given, and this one goes to reports and logs.
        text = f"raised {type(error).__name__}{place_of(error)}; the cause is chained"
    wrapped = kind(f"{where}: {text}")
    wrapped.__cause__ = error
    return wrapped
