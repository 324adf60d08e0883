"""Two or more ticked sweeps side by side, against a baseline that stays pinned for the session."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

import core
from pages.widgets import page
from pages.widgets.stored_sweeps import StoredRow

VIEWS = ("Differences", "Measures")
Pin = tuple[str, str]  # a sweep, and the first run of the arm in it


def compare_panel(chosen: Sequence[StoredRow], rows: Sequence[StoredRow], store: core.Store) -> None:
    """The comparison of the ticked sweeps, the pinned one among them; with a single one, the button that pins it."""
    name = chosen[0].stored.experiment
    if any(row.stored.experiment != name for row in chosen):
        return
    pin: Pin | None = st.session_state.get(f"pin {name}")
    pinned = next((row for row in rows if pin and row.stored.key == pin[0] and row.kept.finished), None)
    together = [row for row in chosen if row.kept.finished]
    if pinned is not None and pinned.stored.key not in {row.stored.key for row in together}:
        together = [pinned, *together]
    if len(together) == 1:
        _pin_button(together[0], pinned)
        return
    if len(together) < 2:
        return
    st.subheader("Side by side")
    try:
        sides = _sides(together, store)
    except ValueError as error:
        st.error(core.plain(error))
        return
    baseline = _baseline(sides, together, pin, name)
    _draw(sides, baseline)


def _pin_button(row: StoredRow, pinned: StoredRow | None) -> None:
    name = row.stored.experiment
    if pinned is None:
        st.button(
            "Pin as baseline",
            icon=":material/keep:",
            on_click=_pin,
            args=(name, (row.stored.key, "")),
            help="Sweeps that you tick from now on are compared with this one. Or tick two or more at once.",
        )
    else:
        _unpin_button(name)


def _unpin_button(name: str) -> None:
    st.button("Unpin the baseline", icon=":material/keep_off:", on_click=_pin, args=(name, None), key="unpin")


def _pin(name: str, pin: Pin | None) -> None:
    st.session_state[f"pin {name}"] = pin


def _sides(together: Sequence[StoredRow], store: core.Store) -> core.SideBySide:
    labels = _labels(together)
    sweeps = {label: row.kept for label, row in zip(labels, together, strict=True)}
    marks = tuple((row.kept.sweep.key, row.kept.sweep.version, store.latest(row.kept.sweep.ids)) for row in together)
    return _read(sweeps, store, tuple(labels), str(store.path), marks)


@st.cache_resource(max_entries=2, show_spinner="Reading the runs …")
def _read(
    _sweeps: dict[str, core.Kept], _store: core.Store, labels: tuple[str, ...], path: str, marks: tuple
) -> core.SideBySide:
    return core.side_by_side(_sweeps, _store)


def _labels(together: Sequence[StoredRow]) -> list[str]:
    """What the sweeps are called here: their names, numbered where two are the same; ``sweep 2`` without one."""
    labels: list[str] = []
    for number, row in enumerate(together, 1):
        label = row.label.name or f"sweep {number}"
        labels.append(f"{label} ({number})" if label in labels else label)
    return labels


def _baseline(sides: core.SideBySide, together: Sequence[StoredRow], pin: Pin | None, name: str) -> str:
    """The label of the baseline: what was pinned, unless another is chosen here."""
    keys = dict(zip(_labels(together), (row.stored.key for row in together), strict=True))
    pins = {arm.label: (keys[arm.sweep], str(arm.runs["run"].iloc[0])) for arm in sides.arms}
    labels = list(pins)
    exact = [label for label in labels if pins[label] == pin]
    of_sweep = [label for label in labels if pin and pins[label][0] == pin[0]]
    first = (exact or of_sweep or labels)[0]
    key = f"baseline {name} {' '.join(keys.values())} {pin}"
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    baseline = left.selectbox(
        "Baseline",
        labels,
        labels.index(first),
        key=key,
        on_change=lambda: _pin(name, pins.get(st.session_state[key])),
        help="What the others are compared with; it stays pinned until you choose another.",
    )
    if pin:
        with right:
            _unpin_button(name)
    return str(baseline)


def _draw(sides: core.SideBySide, baseline: str) -> None:
    compared = core.compared(sides, baseline)
    if compared.figure is None and compared.sentence:
        st.markdown(f"**{core.plain(compared.sentence)}**")
    if compared.figure is not None:
        page.chart(compared.figure, "side by side", alone=True)
    if len(compared.settings):
        st.markdown("**The settings that differ**")
        _table(compared.settings)
    else:
        st.caption("The sweeps have the same settings and seeds.")
    view = page.choice("Numbers", VIEWS, "numbers")
    if view == VIEWS[0]:
        _table(compared.differences)
        _difference_note(baseline, len(sides.arms) - 1)
    else:
        _table(compared.measures)
        st.caption("Mean over seeds with its 95 % interval; “8 of 10” where not every run has the measure.")


def _difference_note(baseline: str, others: int) -> None:
    widened = f", widened for {others} comparisons" if others > 1 else ""
    st.caption(
        f"Mean difference from {core.plain(baseline)} with its 95 % interval{widened}: paired by seed where one side's "
        "seeds are among the other's, else Welch's t; of shares of runs Newcombe's. “Higher” and “lower” stand only where "
        "the interval leaves out zero and no run was lost."
    )


def _table(table: pd.DataFrame) -> None:
    """A table whose first column stays while the others scroll."""
    config = {name: st.column_config.TextColumn(pinned=place == 0) for place, name in enumerate(table.columns)}
    st.dataframe(table, hide_index=True, column_config=config)
