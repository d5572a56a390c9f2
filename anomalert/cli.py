"""The command line: the only room that reads the clock and writes to the terminal.

It calls everything below, and `cli_backtest` for the command of that name; nothing calls it but the ``anomalert``
command.
"""

import argparse
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from datetime import UTC, datetime
from importlib.metadata import version
from typing import NoReturn

import pandas as pd

from anomalert.cli_backtest import add_backtest
from anomalert.errors import AnomalertError, ConfigurationError, LedgerError, SourceError, UnknownOutcomeError, raised
from anomalert.interfaces import Notifier, Probing, RunReport, plugin_name
from anomalert.ledger import Ledger
from anomalert.loading import load_pipeline
from anomalert.monitor import Monitor
from anomalert.panel import as_instant

__all__ = ["main"]

AHEAD = pd.Timedelta("5min")
"""How far `--at` may lie ahead of this machine's clock: as far as clocks of two machines may differ."""

DESCRIPTION = """\
Tells within one slot that a product metric left its usual course.

  anomalert demo                       see it work: the reference alert set on an embedded ClickHouse
  anomalert check mypackage.alerts:pipeline
                                       validate a pipeline, ask every source for one slot, look whether ledger and
                                       channels can be used; send nothing
  anomalert run mypackage.alerts:pipeline --at 2026-11-01T10:15Z
                                       judge the newest slot that is complete at that instant, and tell
  anomalert backtest mypackage.alerts:pipeline --from 2026-09-01 --to 2026-11-01 --html report.html
                                       replay it over its history: how often would it have written?
"""

EPILOG = """\
exit codes:
  0  everything was read, judged and delivered, whatever was found: an anomaly is a success
  1  something could not be read, judged or delivered
  2  the configuration or the command makes no sense
  130, 143  it was interrupted (Ctrl-C), or asked to end (SIGTERM): the next run completes it
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    try:
        code: int = options.command(options)
    except ConfigurationError as error:
        print(f"anomalert: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except AnomalertError as error:
        print(f"anomalert: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("anomalert: interrupted; the next run completes this one", file=sys.stderr)  # noqa: T201
        return 128 + signal.SIGINT
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anomalert", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"anomalert {version('anomalert')}")
    parser.add_argument("--verbose", action="store_true", help="log what is done, to standard error")
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser("demo", help="run the reference alert set on seeded events; needs anomalert[chdb]")
    demo.add_argument("--directory", default="alerts", help="where the pictures go (default: %(default)s)")
    demo.add_argument("--language", choices=("en", "ru"), default="en", help="of the messages (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=1, help="of the events (default: %(default)s)")
    demo.set_defaults(command=_demo)

    check = commands.add_parser(
        "check",
        help="validate a pipeline, its sources, ledger and channels; sends nothing",
        description="Asks every source for one slot, looks whether the ledger can be used (without making one), and "
        "asks every channel that can be asked whether it answers. Nothing is sent, and nothing recorded. Exit code 1 "
        "if any of them fails, with a line for each.",
    )
    _add_pipeline(check)
    check.set_defaults(command=_check)

    run = commands.add_parser("run", help="judge the newest complete slot and tell what is found")
    _add_pipeline(run)
    run.add_argument("--dry-run", action="store_true", help="judge all the same, send nothing")
    run.add_argument("--json", action="store_true", help="print the whole report as JSON instead of a summary")
    run.set_defaults(command=_run)

    add_backtest(commands)
    return parser


def _add_pipeline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pipeline",
        metavar="package.module:pipeline",
        help="where the Pipeline is: a module Python can import, and its name there, or that of a function making it",
    )
    parser.add_argument(
        "--at",
        metavar="INSTANT",
        help="the instant to judge, with its zone, as 2026-11-01T10:15Z; schedulers pass the end of their interval "
        "(default: now)",
    )


def _run(options: argparse.Namespace) -> int:
    pipeline = load_pipeline(options.pipeline)
    at = as_instant(options.at or _now(), "at")
    if not options.dry_run:
        _refuse_future(at)
    _end_in_order()
    # Whoever reads the JSON reads standard output, and notifiers may write there too.
    with redirect_stdout(sys.stderr) if options.json else nullcontext():
        report = pipeline.run(at, dry_run=options.dry_run)
    for error in report.errors if options.verbose else ():
        _print_places(error)
    if options.json:
        import json

        print(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))  # noqa: T201
    else:
        _print_summary(report)
    return report.exit_code


def _now() -> datetime:
    return datetime.now(UTC)


def _refuse_future(at: pd.Timestamp) -> None:
    """Refuse to record slots of which nothing can have happened yet: those that come after would be told to nobody."""
    now = as_instant(_now(), "now")
    if at > now + AHEAD:
        raise ConfigurationError(
            f"`--at` is {at}, which is in the future: it is {now:%Y-%m-%d %H:%M:%S} UTC by this machine's clock. Pass "
            "the end of the scheduler's interval and set the clock, or only look with `--dry-run`"
        )


def _end_in_order() -> None:
    """Have SIGTERM end the process as Ctrl-C does: what is being sent is noted as unknown before."""

    def end(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    # Only there may it be set; and a handler of whoever calls this from Python is theirs.
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, end)


def _print_places(error: BaseException | None) -> None:
    """Print where an error and its causes arose: a traceback shows texts and lines too, and the passwords in them."""
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"  {frame.filename}, line {frame.lineno}, in {frame.name}" for frame in frames]
        print("\n".join([type(error).__name__, *places]), file=sys.stderr)  # noqa: T201
        error = error.__cause__


def _print_summary(report: RunReport) -> None:
    lines = [f"at {report.at.isoformat()}: {len(report.alerts)} alerts"]
    if len(report.judgements):
        counts = report.judgements["status"].value_counts().sort_index()
        lines[0] += "; " + ", ".join(f"{count} {status}" for status, count in counts.items())
        shown = report.judgements[["metric", "slot", "value", "expected", "deviation", "score", "status", "is_alert"]]
        lines.append(shown.to_string(index=False, float_format="{:.4g}".format))
    lines += [f"{delivery.notifier}: {delivery.outcome} {delivery.message}" for delivery in report.deliveries]
    lines += [f"{type(error).__name__}: {error}" for error in report.errors]
    print("\n".join(lines))  # noqa: T201


def _check(options: argparse.Namespace) -> int:
    pipeline = load_pipeline(options.pipeline)
    print(pipeline)  # noqa: T201
    at = as_instant(options.at or _now(), "at")
    works = [_check_source(monitor, at) for monitor in pipeline.monitors]
    works += [] if pipeline.ledger is None else [_check_ledger(pipeline.ledger)]
    fallback = [] if pipeline.fallback is None else [pipeline.fallback]
    works += [_check_channel(notifier) for notifier in (*pipeline.notifiers, *fallback)]
    return 0 if all(works) else 1


def _check_source(monitor: Monitor, at: pd.Timestamp) -> bool:
    """Print what a source has for its newest slot, or why it fails; return whether it works."""
    slot = monitor.newest_slot(at)
    try:
        panel = monitor.panel(slot, slot + monitor.slot_length)
    except Exception as error:  # noqa: BLE001 - rows of other people: this source fails, the others are asked
        known = isinstance(error, AnomalertError)
        problem = error if known else raised(SourceError, f"source {monitor.name!r}", error)
        print(f"{monitor.name}: FAILED: {problem}")  # noqa: T201
        return False
    values = ", ".join(f"{name}={value:g}" for name, value in panel.iloc[0].items())
    print(f"{monitor.name}: the slot from {slot.isoformat()} gives {values}")  # noqa: T201
    return True


def _check_ledger(ledger: Ledger) -> bool:
    """Print whether runs will be able to use the ledger; return it too."""
    try:
        is_there = ledger.check()
    except LedgerError as error:
        print(f"ledger: FAILED: {error}")  # noqa: T201
        return False
    print(f"ledger: {ledger.place} {'can be used' if is_there else 'will be created by the first run'}")  # noqa: T201
    return True


def _check_channel(notifier: Notifier) -> bool:
    """Print whether a channel answers, if it can be asked; return whether nothing is known against it."""
    name = plugin_name(notifier)
    if not isinstance(notifier, Probing):
        print(f"{name}: cannot be asked whether it answers (it has no `probe`)")  # noqa: T201
        return True
    try:
        notifier.probe()
    except Exception as error:  # noqa: BLE001 - of other people: this channel fails, the others are asked
        known = isinstance(error, AnomalertError)
        print(f"{name}: FAILED: {error if known else raised(UnknownOutcomeError, '`probe`', error)}")  # noqa: T201
        return False
    print(f"{name}: answers")  # noqa: T201
    return True


def _demo(options: argparse.Namespace) -> int:
    from anomalert.reference.demo import run_demo

    return run_demo(directory=options.directory, language=options.language, seed=options.seed).exit_code


if __name__ == "__main__":
    raise SystemExit(main())
