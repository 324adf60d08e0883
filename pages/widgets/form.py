"""A form made from an experiment's settings: the text that the command line takes, with choices at hand.

A teacher's link may hide controls, ``hide=init,seeds``: they then keep what the link says.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

import core
from pages.widgets import own_data, page

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

HIDE = "hide"  # of a link: the controls that it conceals
FIRST = "predict"  # of a link: the number of the question that is asked before the result is shown


class Form(NamedTuple):
    """What the form says: its sweep, or None and why, in a sentence per fault that stands at no field."""

    sweep: core.Sweep | None
    faults: list[str]


def settings_form(kind: core.Experiment, start: Mapping[str, str]) -> Form:
    """The form, filled from ``start`` (link fields). It stays whatever the link says; each fault stands at its field."""
    prefix = f"{kind.name}:"
    linked, last_address = dict(st.query_params), page.address_of(kind.title)
    is_filled = all(f"{prefix}{name}" in st.session_state for name in _drawn(kind))
    if not linked and last_address and is_filled:  # Back, to the address with which the page was opened
        start_over(kind)
        fill(kind, start)
    elif linked and linked != last_address:  # a link was followed, to here from wherever
        st.session_state[f"{prefix}link faults"] = _strange(kind, linked) + _lock(kind, linked)
        st.session_state[f"{prefix}{FIRST}"] = linked.get(FIRST, "")
        page.write_address(kind.title, linked)
        understood = {*linked} & {*kind.settings.names(), "seeds"}
        fill(kind, linked if understood else {**start, **linked})
    elif not is_filled:  # a new session, or back on the page
        fill(kind, st.session_state.get(f"{prefix}kept") or start)
    if hidden(kind):
        st.caption(f"Set by the link that brought you here: {core.plain(_locked_words(kind))}.")
    if "preset" not in hidden(kind):
        st.selectbox(
            "Preset",
            [preset.name for preset in kind.presets],
            index=None,
            placeholder="Choose a question to start from",
            key=f"{prefix}preset",
            on_change=_take_preset,
            args=(kind,),
            help="Fills the form, and computes what is missing.",
        )
    shown = _drawn(kind)
    if "dataset" in shown and kind.accepts_csv and isinstance(kind.settings.limits["dataset"], core.PartLimits):
        own_data.upload(kind)
    places = {name: _field(kind, name) for name in kind.main_settings if name in shown}
    if "seeds" in shown:
        st.text_input(
            "seeds",
            key=f"{prefix}seeds",
            help="How many seeds (20), a half-open range (3:7) or a list (3,5). More seeds, narrower intervals.",
        )
        places["seeds"] = st.empty()
    more = [name for name in kind.settings.names() if name in shown and name not in kind.main_settings]
    if more:
        with st.expander("More settings"):
            places |= {name: _field(kind, name) for name in more}
    sweep, faults = _read(kind)
    elsewhere = list(st.session_state.get(f"{prefix}link faults", []))
    for fault in faults:
        name, _, words = fault.partition(": ")
        if name in places:
            places[name].error(core.plain(words))
        elsewhere.append(f"{_label(name)}: {words}" if name in places else fault)
    if sweep is not None:
        st.session_state[f"{prefix}kept"] = sweep.link()
    return Form(sweep, elsewhere)


def start_over(kind: core.Experiment) -> None:
    """Puts every field back to its default, and forgets what a link has hidden or got wrong."""
    prefix = f"{kind.name}:"
    st.session_state[f"{prefix}link faults"] = []
    st.session_state.pop(f"hidden by a link {kind.name}", None)
    st.session_state.pop(f"{prefix}{FIRST}", None)
    fill(kind, {})


def hidden(kind: core.Experiment) -> dict[str, str]:
    """The controls that a teacher's link has hidden, with what it has set them to."""
    return st.session_state.get(f"hidden by a link {kind.name}", {})


def _drawn(kind: core.Experiment) -> list[str]:
    """The fields that are drawn; Streamlit forgets them when another page is opened."""
    return [name for name in [*kind.settings.names(), "seeds"] if name not in hidden(kind)]


def hideable(kind: core.Experiment) -> list[str]:
    """The names of the controls that a link may hide."""
    return [*kind.settings.names(), "seeds", "preset"]


def write_link(kind: core.Experiment, sweep: core.Sweep) -> None:
    """Puts the sweep into the browser's address, so that the page can be opened again; what is hidden stays so.

    The page that was opened without a link keeps its bare address until a setting is changed, or Back would lead to it twice.
    """
    link = sweep.link() | ({HIDE: ",".join(hidden(kind))} if hidden(kind) else {})
    asked_first = st.session_state.get(f"{kind.name}:{FIRST}")
    link |= {FIRST: asked_first} if asked_first else {}
    address = st.query_params.to_dict()
    page.write_address(kind.title, address if _leads_to(kind, address, link) else link)


def _leads_to(kind: core.Experiment, address: Mapping[str, str], link: Mapping[str, str]) -> bool:
    """Whether an address that may say less than ``link`` opens the same page."""
    if core.foreign_tables(core.split_values(address.get("dataset", ""))):  # a link makes no server read a file
        return False
    if any(address.get(name) != link.get(name) for name in (HIDE, FIRST)):
        return False
    settings, wanted = (
        {name: text for name, text in fields.items() if name not in (HIDE, FIRST)} for fields in (address, link)
    )
    with suppress(ValueError):
        return _sweep(kind.name, tuple((settings or kind.presets[0].settings).items()), ()).link() == wanted
    return False


def _strange(kind: core.Experiment, linked: Mapping[str, str]) -> list[str]:
    """A sentence for each field of a link that is no setting; it is left out."""
    known = [*kind.settings.names(), "seeds", HIDE, FIRST]
    return [f"{core.unknown('setting', name, known)}. It was left out" for name in linked if name not in known]


def _lock(kind: core.Experiment, linked: Mapping[str, str]) -> list[str]:
    """Hides the controls that the link names, as the link has set them; a sentence for each name that is none."""
    names, known = core.split_values(linked.get(HIDE, "")), hideable(kind)
    set_to = {**_default_texts(kind), "seeds": "1"} | dict(linked)
    st.session_state[f"hidden by a link {kind.name}"] = {name: set_to.get(name, "") for name in names if name in known}
    return [f"{core.unknown('control to hide', name, known)}. It was left out" for name in names if name not in known]


def _locked_words(kind: core.Experiment) -> str:
    return (
        ", ".join(f"{name} {text}".strip() for name, text in hidden(kind).items() if name != "preset") or "the question"
    )


@st.cache_resource(max_entries=256, show_spinner=False)
def _sweep(name: str, given: tuple[tuple[str, str], ...], files: tuple[tuple[float, int], ...]) -> core.Sweep:
    """The sweep of these texts, whose points and ids are worked out once for all reruns and sessions."""
    return core.experiment(name).sweep(dict(given))


def _read(kind: core.Experiment) -> tuple[core.Sweep | None, list[str]]:
    """The sweep that the fields describe, or None and a sentence per fault."""
    defaults = _default_texts(kind)
    given = {}
    for name in [*defaults, "seeds"]:
        value = hidden(kind).get(name, st.session_state.get(f"{kind.name}:{name}"))
        text = ",".join(value) if isinstance(value, list) else str(value or "")
        if text != defaults.get(name):  # a default is not "given": it may have no effect without being an error
            given[name] = text
    if core.foreign_tables(core.split_values(given.get("dataset", ""))):
        if given["dataset"] in {stored.link.get("dataset") for stored in page.store().sweeps()}:
            return kind.stored_sweep(given), []  # what the command line computed may be looked at
        return None, ["dataset: on pages a table of your own is an upload; a path belongs to the command line"]
    try:
        datasets = core.split_values(given.get("dataset", ""))
        sweep = _sweep(kind.name, tuple(given.items()), core.file_marks(datasets))
        refusal = page.too_large(sweep)
    except ValueError as error:
        problem = str(error)
        for text in core.own_tables(st.session_state.get(f"{kind.name}:dataset", [])):
            problem = problem.replace(text, core.dataset_label(text))  # a table by its name, not by where it is kept
        return None, problem.split("\n")
    return (None, [refusal]) if refusal else (sweep, [])


def fill(kind: core.Experiment, fields: Mapping[str, str]) -> None:
    """Puts link fields into the form's widgets, the rest at their defaults."""
    prefix = f"{kind.name}:"
    for name, limits in kind.settings.limits.items():
        text = fields.get(name, _default_texts(kind)[name])
        st.session_state[f"{prefix}{name}"] = core.split_values(text) if _is_choice(limits) else text
    st.session_state[f"{prefix}seeds"] = fields.get("seeds", "1")


def _default_texts(kind: core.Experiment) -> dict[str, str]:
    """What stands in the form for each default; nothing where it is worked out from the rest."""
    return {name: "" if value is None else str(value) for name, value in kind.settings.defaults().items()}


def _is_choice(limits: core.Limits) -> bool:
    return bool(limits.choices) or isinstance(limits, core.PartLimits)


def _label(name: str) -> str:
    """What a setting's field is called."""
    if name not in core.COLUMNS:
        return name
    column = core.COLUMNS[name]
    return f"{column.label} ({column.unit})" if column.unit not in ("", column.label) else column.label


def _field(kind: core.Experiment, name: str) -> DeltaGenerator:
    """Draws a setting's field; the place below it, for what is wrong with it."""
    prefix, limits = f"{kind.name}:", kind.settings.limits[name]
    follows = _default_texts(kind)[name] == ""  # from the other settings, where nothing is said
    column, label = core.COLUMNS[name], _label(name)
    if not _is_choice(limits):
        st.text_input(
            label,
            key=f"{prefix}{name}",
            placeholder="worked out" if follows else None,
            help=f"{column.meaning[0].upper()}{column.meaning[1:]}. {limits.allowed()}; several as 5,20"
            + (" or start:stop:step." if limits.kind is int else "."),
        )
        return st.empty()
    if isinstance(limits, core.PartLimits):
        known = [entry.name for entry in limits.registry]
        labels = {
            entry.name: f"{entry.name} – {entry.label}"
            for entry in limits.registry
            if entry.label.lower() != entry.name
        }
    else:
        known, labels = list(limits.choices), {}
    chosen = [value for value in st.session_state.get(f"{prefix}{name}", []) if value not in known]
    labels |= {value: core.dataset_label(value) for value in core.own_tables(chosen)}
    st.multiselect(
        label,
        known + chosen,
        key=f"{prefix}{name}",
        format_func=lambda value: labels.get(value, value),
        accept_new_options=isinstance(limits, core.PartLimits),
        placeholder="worked out" if follows else "choose one or more",
        help=f"{column.meaning[0].upper()}{column.meaning[1:]}."
        + (" Arguments are typed: normal(std=0.1)." if name == "init" else ""),
    )
    return st.empty()


def _take_preset(kind: core.Experiment) -> None:
    chosen = st.session_state[f"{kind.name}:preset"]
    for preset in kind.presets:
        if preset.name == chosen:
            fill(kind, preset.settings)
            st.session_state[f"{kind.name}:start"] = True
