"""Home: what this is, three ways in, every experiment, recent results and running jobs."""

import time

import streamlit as st

import core
from pages.widgets import page

page.begin("Home")
store = page.store()

st.title("Gradient Lab")
st.markdown(
    "See, measure and repair how gradients flow. Backpropagation is the chain rule: "
    "whoever understands its gradients can tell why a network fails to train."
)

vanishing = core.experiment("vanishing")
ways = (
    (
        "Learn",
        "Why do deep networks fail to train? Run the lesson's own network, five layers and twenty, and watch "
        "what each layer does to the gradient.",
        "Start with the lesson's network",
        vanishing.presets[0],
    ),
    (
        "Experiment",
        "Sweep depth, activation, initialization, normalization and residual form over many seeds, "
        "with theory beside every measurement.",
        "Open the map of 40 networks",
        vanishing.presets[-1],
    ),
    (
        "Diagnose",
        "A gradient that vanishes or explodes is named with its evidence and a remedy. See one found on real data "
        "while ten layers learn handwritten digits.",
        "Diagnose ten layers on digits",
        vanishing.presets[-2],
    ),
)
for column, (name, words, label, preset) in zip(st.columns(3, gap="medium"), ways, strict=True):
    with column.container(border=True, height="stretch"):
        st.subheader(name)
        st.write(words)
        st.page_link(
            "pages/2_Vanishing_gradients.py", label=label, icon=":material/arrow_forward:", query_params=preset.settings
        )

st.subheader("Every question the lab can ask")
for column, name in zip(st.columns(len(core.NAMES), gap="small"), core.NAMES, strict=True):
    kind = core.experiment(name)
    with column:
        st.page_link(page.page_of(kind), label=f"**{kind.title}**", icon=page.ICONS[kind.title])
        st.caption(kind.question)

st.subheader("Two lines that explain it")
left, right = st.columns([3, 2], gap="large")
with left:
    frame = vanishing.expected(vanishing.sweep({"depth": "20", "activation": "tanh,sigmoid", "width": "32"}))
    chart = vanishing.charts(frame)["gradient"]
    chart.height = 260
    chart.title.subtitle = ["Dashed grey: theory, for infinitely wide networks."]
    page.chart(chart, "home")
with right:
    st.markdown(
        "Every layer multiplies the gradient on its way to the input. With PyTorch's default initialization, tanh "
        "leaves a good half of it and sigmoid a seventh: after twenty layers, next to nothing is left for the "
        "first. This is what theory predicts; the experiment measures it."
    )
    st.page_link(
        "pages/2_Vanishing_gradients.py",
        label="Measure it",
        icon=":material/science:",
        query_params=vanishing.presets[1].settings,
    )

running = page.jobs().running()
if running:
    st.subheader("Running now")
    for job in running:
        st.progress(
            job.progress.finished / job.progress.total, text=f"{job.sweep.text()}: {job.progress.finished:,} runs"
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
        label=f"{made} · {kind.title}: {page.sweep_words(kind, stored.link)} ({stored.runs:,} runs)",
        icon=":material/history:",
        query_params=stored.link,
    )
