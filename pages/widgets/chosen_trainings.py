"""Which recordings the page Diagnose shows, in its address: ``?training=NAME&second=NAME``. A dropped file is in no link."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st

WRITTEN = "diagnose:written"  # what the page has last put into its address


def wished(recordings: Collection[str], field: str) -> dict[str, str]:
    """``training`` and perhaps ``second`` of a link that was followed, or on coming back of what was seen last.

    Empty where the reader's own choice stands; what is no recording is left out.

    field  key of the first field, which Streamlit forgets while another page is open
    """
    last = st.session_state.get(WRITTEN, {})
    linked = _known(st.query_params, recordings)
    if linked and linked != last:
        return linked
    return {} if field in st.session_state else _known(last, recordings)


def _known(link: Mapping[str, str], recordings: Collection[str]) -> dict[str, str]:
    """What a link says of recordings that are there; nothing without a first one."""
    first, second = link.get("training", ""), link.get("second", "")
    if first not in recordings:
        return {}
    return {"training": first} | ({"second": second} if second in recordings and second != first else {})


def keep(first: str, second: str | None, recordings: Collection[str]) -> None:
    """Puts what is shown into the address, and nothing else; a file can't be linked to."""
    link = _known({"training": first, "second": second or ""}, recordings)
    st.session_state[WRITTEN] = link
    if st.query_params.to_dict() != link:
        st.query_params.from_dict(link)
