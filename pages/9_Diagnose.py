"""What is wrong with my training: recordings of one's own scripts and logs of other tools."""

import streamlit as st

import core
from pages.widgets import chosen_trainings, page, trace_panel

page.begin("Diagnose")
store = str(page.store().path)

HOW = """
**Your own PyTorch script**, unchanged; what it prints, returns and computes stays as it is:

```bash
python -m core watch train.py --epochs 3
```

**A loop in a notebook or a program**:

```python
import core

with core.watch(name="first try"):
    train()
```

A recording lies beside the store and appears here while the script runs. It sees every layer, the optimizer, the losses
and their labels, so it finds far more than a log can show.

**What another tool wrote**, dropped on the page (at most 50 MB): Keras CSVLogger, Lightning `metrics.csv`, TensorBoard event
files, Hugging Face `trainer_state.json` or console output, W&B `wandb-summary.json`, Ultralytics `results.csv`,
LLaMA-Factory `trainer_log.jsonl`, and any CSV, JSON lines or plain text with a loss in it. The file is read and not kept.
"""

st.title("Diagnose")
st.markdown("**What is wrong with my training?** The fault, its evidence, and what to change.")
if problem := st.session_state.pop("not deleted", None):
    st.error(core.plain(problem))

left, right = st.columns([3, 2], gap="large")  # names of recordings are long
with right:
    files = st.file_uploader(
        "Logs of other tools",
        accept_multiple_files=True,
        key="logs",
        help="One, or two to compare. A file is read by its content, whatever its name.",
    )
    if len(files) > 2:
        st.caption(f"The first two of {len(files)} files are read.")


uploads = {file.key: file for file in (trace_panel.dropped(file.name, file.getvalue()) for file in files[:2])}


def sources() -> dict[str, trace_panel.Source]:
    """What can be chosen, by a lasting id: the files dropped on the page, then the recordings, the newest first."""
    recordings = core.recordings_beside(store)
    return uploads | {recording.name: trace_panel.recorded(recording, store) for recording in recordings}


choices = sources()
names = [name for name, source in choices.items() if source.recording is not None]
for name in set(names) - set(st.session_state.get("recordings seen", names)):
    st.toast(f"A new recording: {core.plain(name)}", icon=":material/sensors:")
st.session_state["recordings seen"] = names


@st.fragment(run_every=5)
def arrivals() -> None:
    """Draws the page again when a recording was begun or deleted elsewhere."""
    if {recording.name for recording in core.recordings_beside(store)} != set(names):
        st.rerun()


arrivals()
if not choices:
    with left:
        st.info("Nothing is recorded yet. Drop a log into the field for logs, or record a script as described below.")
    st.subheader("How to record")
    st.markdown(HOW)
    st.stop()

ids, labels = list(choices), {id: source.label for id, source in choices.items()}
hand = " ".join(id for id, source in choices.items() if source.recording is None)  # new files are shown at once
field = f"training {hand}"
if not hand and (wished := chosen_trainings.wished(names, field)):
    st.session_state[field] = wished["training"]
    st.session_state[f"second {hand} {wished['training']}"] = wished.get("second")
with left:
    training, comparison = st.columns(2)
    first = training.selectbox("Training", ids, format_func=labels.__getitem__, key=field)
    others = [id for id in ids if id != first]
    second = None
    if others:
        second = comparison.selectbox(
            "Compare with",
            others,
            index=0 if len(files) > 1 and first == ids[0] else None,
            format_func=labels.__getitem__,
            placeholder="nothing",
            key=f"second {hand} {first}",
        )
chosen_trainings.keep(first, second, names)

shown = [(side, id) for side, id in (("left", first), ("right", second)) if id is not None]
runs: dict[str, int | None] = {}
for column, (side, id) in zip(st.columns(len(shown), gap="large"), shown, strict=True):
    with column:
        runs[side] = trace_panel.chosen_run(choices[id], side)


def draw() -> bool:
    """What was chosen, as it is by now; whether one of the scripts still runs."""
    alive = False
    now = sources()
    for column, (side, id) in zip(st.columns(len(shown), gap="large"), shown, strict=True):
        run = runs[side]
        if run is None:
            continue
        if id not in now:
            column.info("The recording is gone: it was deleted meanwhile.")
            continue
        with column:
            try:
                alive |= trace_panel.show(now[id], run, side, alone=len(shown) == 1)
            except ValueError as error:
                st.error(core.plain(error))
    return alive


running = any(trace_panel.is_alive(choices[id], run) for side, id in shown if (run := runs[side]) is not None)


@st.fragment(run_every=2 if running else None)
def renewed() -> None:
    """Drawn again every two seconds while a script runs."""
    if not draw() and running:
        st.rerun()


renewed()
for column, (side, id) in zip(st.columns(len(shown), gap="large"), shown, strict=True):
    run = runs[side]
    if run is not None:
        with column:
            trace_panel.take_away(choices[id], run, side, store)
with st.expander("How to record"):
    st.markdown(HOW)
