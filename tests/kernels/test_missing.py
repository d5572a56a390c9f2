"""Where values stay away: against a loop, over random holes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalert import kernels

cells = st.lists(st.sampled_from([0.0, 1.0, math.nan]), min_size=3, max_size=3)


def lacks(value: float, expected: float, weight: float) -> bool:
    """Return whether one row lacks a value, spelled out."""
    return math.isnan(value) and not math.isnan(expected) and weight != 0


@given(st.lists(cells, min_size=1, max_size=30), st.integers(1, 6))
def test_missing_is_every_row_of_so_many_lacking(rows: list[list[float]], waited: int) -> None:
    """A row is flagged exactly if it and the `waited - 1` before it, all there, lack a value."""
    value, expected, weight = (np.array(column)[:, None] for column in zip(*rows, strict=True))
    reference = [
        number + 1 >= waited and all(lacks(*row) for row in rows[number + 1 - waited : number + 1])
        for number in range(len(rows))
    ]
    assert kernels.missing(value, expected, weight, waited)[:, 0].tolist() == reference


@given(st.lists(cells, min_size=1, max_size=30), st.integers(1, 6))
def test_what_a_trailing_window_expected_when_values_stopped_is_enough(rows: list[list[float]], waited: int) -> None:
    """Its window runs dry in the very gap, so only the first of the rows has to have expected something."""
    value, expected, weight = (np.array(column)[:, None] for column in zip(*rows, strict=True))
    reference = [
        number + 1 >= waited
        and not math.isnan(rows[number + 1 - waited][1])
        and all(lacks(value, 1.0, weight) for value, _, weight in rows[number + 1 - waited : number + 1])
        for number in range(len(rows))
    ]
    assert kernels.missing(value, expected, weight, waited, trailing=True)[:, 0].tolist() == reference


def test_nothing_is_missing_if_nobody_waits() -> None:
    """Without a time to wait no row is flagged."""
    nothing = np.full((5, 2), np.nan)
    assert not kernels.missing(nothing, np.ones((5, 2)), None, None).any()


@pytest.mark.parametrize("n_rows", range(1, 9))
@pytest.mark.parametrize("waited", range(1, 9))
def test_however_few_rows_there_are(n_rows: int, waited: int) -> None:
    """With fewer rows than are waited for nothing is missing yet."""
    nothing = np.full((n_rows, 1), np.nan)
    flags = kernels.missing(nothing, np.ones((n_rows, 1)), None, waited)[:, 0]
    assert flags.tolist() == [number + 1 >= waited for number in range(n_rows)]
