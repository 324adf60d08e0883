"""Which recordings the page Diagnose shows, in its address: ``?training=NAME&second=NAME``. A dropped file is in no link."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st

from pages.widgets import page

TITLE = "Diagnose"


def wished(recordings: Collection[str], field: str) -> dict[str, str]:
    """``training`` and perhaps ``second`` of a link that was followed, or on coming back of what was seen last.

    Empty where the reader's own choice stands; what is no recording is left out.

    field  key of the first field, which Streamlit forgets while another page is open
    """
    last = page.address_of(TITLE)
    linked = _known(st.query_params, recordings)
    if linked and linked != last:
        return linked
    went_back = not st.query_params and last and field in st.session_state  # to the address that opened the page
    if went_back:
        return _newest(recordings)
    return {} if field in st.session_state else _known(last, recordings)


def _known(link: Mapping[str, str], recordings: Collection[str]) -> dict[str, str]:
    """What a link says of recordings that are there; nothing without a first one."""
    first, second = link.get("training", ""), link.get("second", "")
    if first not in recordings:
        return {}
    return {"training": first} | ({"second": second} if second in recordings and second != first else {})


def _newest(recordings: Collection[str]) -> dict[str, str]:
    """What the bare address shows; the newest recording stands first."""
    return _known({"training": next(iter(recordings), "")}, recordings)


def keep(first: str, second: str | None, recordings: Collection[str]) -> None:
    """Puts what is shown into the address, and nothing else; a file can't be linked to.

    The newest recording alone is what the bare address shows.
    """
    link = _known({"training": first, "second": second or ""}, recordings)
    if not st.query_params and link == _newest(recordings):
        link = {}
    page.write_address(TITLE, link)
