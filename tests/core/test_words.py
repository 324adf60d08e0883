"""Numbers in text."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from core.words import factor_words, span, three_digits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5773, "0.577"), (0.0, "0"), (1.02e-268, "1.02 · 10⁻²⁶⁸"), (4.2e12, "4.20 · 10¹²"),
        (-0.00001, "-1.00 · 10⁻⁵"), (math.nan, "–"), (math.inf, "∞"), (-math.inf, "-∞"),
    ],
)  # fmt: skip
def test_a_number_in_text_has_three_digits(value, text):
    assert three_digits(value) == text


@pytest.mark.parametrize("value", [999.6, 1234.5, 9999.0, 99999.0, 0.00099999])
def test_a_number_in_text_is_never_written_as_programs_do(value):
    assert "e" not in three_digits(value)


def test_words_for_factors_and_spans():
    assert factor_words(0.5774, "layer") == "shrink 0.577× a layer"
    assert factor_words(1.01, "step") == "keep their size (1.01× a step)"
    assert span(pd.Series([0.5, 0.25]), "×") == "0.25× – 0.5×"
    assert span(pd.Series([0.5, 0.5])) == "0.5"
    assert span(pd.Series([], dtype=float)) == "–"
