"""What Python's collector has to look at: Streamlit makes it look at everything after every run of a page or a fragment."""

from __future__ import annotations

import gc

import streamlit as st

SECONDS = 60.0  # from one look at everything to the next


def set_aside() -> None:
    """Takes all that is alive out of the collector's sight, so that a run's own objects alone are looked at when it ends.

    What dies is freed as ever, but for circles of objects: these wait for the next look at everything.
    """
    _look_at_everything()
    gc.freeze()


@st.cache_resource(ttl=SECONDS, show_spinner=False)
def _look_at_everything() -> None:
    gc.unfreeze()
    gc.collect()
