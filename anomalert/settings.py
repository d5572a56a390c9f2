"""What settings have in common: whether one is of the kind that is asked for, so that errors are in words.

Next to the bottom; whatever has settings calls it, and it calls `errors`.
"""

from collections.abc import Iterable
from numbers import Integral, Real
from typing import TypeVar

from anomalert.errors import ConfigurationError

__all__ = ["all_of", "check_whole", "is_number"]

T = TypeVar("T")


def is_number(value: object) -> bool:
    """Whether `value` is a number: a text or None is refused in words, and not by what Python says of ``<``.

    Examples
    --------
    >>> is_number(0.5), is_number("0.5"), is_number(True)
    (True, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool)


def all_of(values: Iterable[T] | T, kind: type[T], name: str) -> tuple[T, ...]:
    """Return `values` as a tuple, or say that the list around them is missing or what is none of its kind.

    Examples
    --------
    >>> all_of([1, 2], int, "counts")
    (1, 2)
    >>> all_of(1, int, "counts")
    Traceback (most recent call last):
        ...
    anomalert.errors.ConfigurationError: `counts` is one int: put it in a list
    """
    if isinstance(values, kind):
        raise ConfigurationError(f"`{name}` is one {kind.__name__}: put it in a list")
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise ConfigurationError(f"`{name}` is a {type(values).__name__}: a list of {kind.__name__} is needed")
    listed = tuple(values)
    for value in listed:
        if isinstance(value, type) or not isinstance(value, kind):
            shown = f"the class {value.__name__}, make one of it" if isinstance(value, type) else type(value).__name__
            raise ConfigurationError(f"`{name}` holds {shown}: each has to be a {kind.__name__}")
    return listed


def check_whole(value: object, name: str, *, least: int) -> None:
    """Refuse what is not a whole number from `least` on.

    Examples
    --------
    >>> check_whole(0, "count", least=1)
    Traceback (most recent call last):
        ...
    anomalert.errors.ConfigurationError: `count` is 0: a whole number, 1 or more, is needed
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ConfigurationError(f"`{name}` is {value!r}: a whole number, {least} or more, is needed")
