"""How a broken promise is told: which object, which check, what was found, what to do.

Every check of this package calls this; it calls `redaction` only.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from anomalert.redaction import redact

__all__ = ["CheckError", "fail", "guarded", "promise_of", "run_all"]


class CheckError(AssertionError):
    """A detector, source or notifier broke a promise; the text names it, the check, and what to do."""


def fail(subject: str, check: str, found: str, remedy: str) -> NoReturn:
    """Raise the failure of `check` by `subject`: what was found, and what to do."""
    raise CheckError(f"{subject} fails the check `{check}`: {found}. {remedy}")


def guarded(subject: str, check: str, promise: str, run: Callable[[], None], secrets: Sequence[str] = ()) -> None:
    """Call `run`; an exception of the object that is tried is a failure of the check too.

    If there are secrets, the exception is told without them and not chained: its traceback could show them.
    """
    try:
        run()
    except CheckError:
        raise
    except Exception as error:  # noqa: BLE001 - foreign code; what it raised is told, in a text that is safe
        raised = redact(f"it raised {type(error).__name__}: {error}", secrets).rstrip(".")
        text = f"{subject} fails the check `{check}`: {raised}. The check holds that {promise}"
        raise CheckError(text) from (None if secrets else error)


def run_all(checks: Iterable[Callable[[], None]]) -> None:
    """Call every check, then raise one error that tells all failures."""
    failures = []
    for check in checks:
        try:
            check()
        except CheckError as failure:
            failures.append(failure)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        listed = "\n".join(f"- {failure}" for failure in failures)
        raise CheckError(f"{len(failures)} checks fail:\n{listed}")


def promise_of(check: Callable[..., None]) -> str:
    """Return what a check holds, from the first line of its docstring."""
    return (check.__doc__ or check.__name__).splitlines()[0].removeprefix("Hold that ")
