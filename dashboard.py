"""Home: what this is, three ways in, every experiment, recent results and running jobs."""

import time
from typing import Any

import streamlit as st

import core
from pages.widgets import page

page.begin("Home")
store = page.store()

st.title("Gradient Lab")
st.markdown(
    "A network learns by asking of each weight: *would a little more of you make the error larger or smaller?* The answer is the "
    "weight's **gradient**. Backpropagation finds all of them at once, by the chain rule; where gradients vanish or explode, "
    "learning stops. See it, measure it, repair it."
)

backprop, vanishing = core.experiment("backprop"), core.experiment("vanishing")
CHART_HEIGHT = 225
IN_A_ROW = 5  # of the questions
SHOWN = {
    "Understand": "Loss over epochs",
    "Repair": "Gradient, layer by layer",
    "Research": "Share that learns XOR",
}
AWAITED = {
    "Understand": "Twenty networks are being trained …",
    "Repair": "Twenty layers are being measured …",
    "Research": "Networks of two to eight hidden units are being trained …",
}  # until a way's picture is there


SICK_AND_MENDED = "Default or Xavier's init, on tanh"
LAYERS = vanishing.preset(SICK_AND_MENDED).settings
workers = page.jobs().workers


@st.cache_resource(show_spinner=False)
def starts() -> Any:
    """Many networks that differ in their first weights; a worker trains them once in the server's life."""
    return workers.call(backprop.room("film").many_starts)


@st.cache_resource(show_spinner=False)
def of_starts() -> core.Figure:
    """Where twenty networks end that are alike but for their first weights."""
    few = starts().frame
    return backprop.room("charts").every_run_chart(few, starts().runs[lambda runs: runs["run"].isin(few["run"])])


@st.cache_resource(show_spinner=False)
def expected_layers() -> core.Figure:
    """What theory says of the gradient in twenty layers."""
    return vanishing.figures(vanishing.analysis(vanishing.expected(vanishing.sweep(LAYERS))))["gradient"]


@st.cache_resource(show_spinner=False)
def of_layers() -> core.Figure:
    """The gradient in twenty layers, sick and mended; a worker measures it once in the server's life."""
    return vanishing.figures(vanishing.analysis(workers.call(vanishing.measured, vanishing.sweep(LAYERS))))["gradient"]


@st.cache_resource(show_spinner=False)
def of_shares() -> core.Figure:
    """How often networks of different size learn XOR."""
    return backprop.room("charts").success_chart(starts().runs)


ways = (
    (
        "Understand",
        of_starts,
        "A network learns XOR before your eyes. Watch it as a film, and put any of its steps under the microscope, each number "
        "beside its formula.",
        "Watch a network learn XOR",
        backprop,
        "Four hidden units learn XOR",
    ),
    (
        "Repair",
        of_layers,
        "My network does not train: the lab names what goes wrong, with its evidence, and shows a remedy at work.",
        "Twenty layers of tanh, sick and mended",
        vanishing,
        SICK_AND_MENDED,
    ),
    (
        "Research",
        of_shares,
        "Hundreds of networks in some seconds, over many seeds: an interval beside every share and every mean, one table to "
        "take away.",
        "Two to eight hidden units, a hundred seeds",
        backprop,
        "2 to 8 hidden units, 100 seeds",
    ),
)
pictures = []
for column, (name, picture, words, label, kind, preset) in zip(st.columns(3, gap="small"), ways, strict=True):
    with column.container(border=True, height="stretch"):
        st.markdown(f"#### {name}")
        st.write(words)
        st.page_link(
            page.page_of(kind),
            label=label,
            icon=":material/arrow_forward:",
            query_params=kind.preset(preset).settings,
        )
        place = st.container(height=CHART_HEIGHT + 90, border=False).empty()
        place.markdown(f"**{SHOWN[name]}.** {AWAITED[name]}")
        pictures.append((place, picture, name))

with st.container(border=True):
    st.page_link("pages/9_Diagnose.py", label="**Diagnose your own training**", icon=page.ICONS["Diagnose"])
    st.caption(
        "Record your PyTorch script unchanged, or drop the log of another tool: what is wrong, by which evidence, and what to change."
    )

st.subheader("Every question the lab can ask")
rows = -(-len(core.NAMES) // IN_A_ROW)
each = -(-len(core.NAMES) // rows)  # even rows
for start in range(0, len(core.NAMES), each):
    for column, name in zip(st.columns(each, gap="small"), core.NAMES[start : start + each], strict=False):
        kind = core.experiment(name)
        with column:
            st.page_link(page.page_of(kind), label=f"**{kind.title}**", icon=kind.icon)
            st.caption(kind.question)

running = page.jobs().running()
if running:
    st.subheader("Running now")
    for job in running:
        st.progress(
            job.progress.finished / job.progress.total,
            text=f"{core.plain(job.sweep.text())}: {job.progress.finished:,} runs",
        )

st.subheader("Recent results")
recent = store.sweeps()[:5]
if not recent:
    st.caption("Nothing yet: choose one of the three ways above; results appear here.")
for stored in recent:
    made = time.strftime("%d %b %H:%M", time.localtime(stored.created))
    kind = core.experiment(stored.experiment)
    st.page_link(
        page.page_of(kind),
        label=f"{made} · {kind.title}: {core.plain(page.sweep_words(kind, stored.link))} ({core.counted(stored.runs, 'run')})",
        icon=":material/history:",
        query_params=stored.link,
    )


@st.cache_resource(show_spinner=False)
def measured() -> set[str]:
    """The ways whose picture this server has measured."""
    return set()


def draw(place: Any, figure: core.Figure, name: str, key: str) -> None:
    """A way's picture in its place, above it what it shows, instead of a title of its axis."""
    config = {"axisY": {"titleFontSize": 0, "titlePadding": 0}}
    with place.container():
        st.markdown(f"**{SHOWN[name]}.** {core.plain(figure.title)}")
        page.drawing(figure.specification, key, CHART_HEIGHT, config)


# at the end, since a worker may have to start first: the page stands by then, and theory where there is one
if not measured():
    place, _, name = pictures[1]
    draw(place, expected_layers(), name, "home theory")
for place, picture, name in pictures:
    draw(place, picture(), name, f"home {name}")
    measured().add(name)
