"""The result of one sweep: headline numbers, findings, charts, table, downloads, link."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import streamlit as st

import core
from pages.widgets import garbage, job_panel, kept, page, take_away, turns
from pages.widgets.pace import Pace
from pages.widgets.take_away import MoreCharts

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

METRIC_LENGTH = 20  # of a headline's value: what is longer stands below as a sentence
SHOWN_FINDINGS = 3
FEW = 4  # values of a setting that a title names
MANY_FINDINGS = 10
LONG_SETTING = 60  # characters
LIKEWISE = 5  # settings named that share a finding
POLL_SECONDS = 0.5
LEAD_HEIGHT = 300
LONG_VALUE = 11  # characters of a headline number that two columns hold
EVERYTHING = "Everything"
KEPT_ROWS = 1_000_000  # of results together, about 300 MB
OTHER_ROWS = 2_000  # as much as a drawn chart and its like take
OLD_RUNS = 10_000  # of larger sweeps, runs of an earlier version are not looked for
ICONS = {"error": ":red[:material/error:]", "warning": ":orange[:material/warning:]", "info": ":blue[:material/info:]"}


Key = tuple[str, str, int, int]  # sweep, store, runs that are there, tables without baselines
Chosen = tuple[tuple[str, tuple], ...]  # setting, values


class Result(NamedTuple):
    """What the store holds of a sweep, put together; ``measured`` is False while there is theory alone.

    whole  no run is missing
    """

    sweep: core.Sweep
    analysis: core.Analysis
    findings: list[core.Finding]
    sound: list[str]
    measured: bool
    whole: bool = False
    made_by: str = ""

    def comparison(self) -> pd.DataFrame:
        """A row per setting, once all of it is there."""
        return self.analysis.comparison if self.whole else pd.DataFrame()


@st.cache_resource(show_spinner=False)
def _kept() -> kept.Kept:
    """Results and their pictures, for all sessions, which only read them."""
    return kept.Kept(KEPT_ROWS)


def _weight(made: Result | Pictures) -> int:
    """How many rows a result or its pictures hold, and about as many for what else they hold."""
    return len(made.analysis.frame) + OTHER_ROWS


def _result(sweep: core.Sweep, store: core.Store, key: Key) -> Result:
    """The result with the finished runs that ``key`` counts."""
    return _kept().get(("result", key), lambda: _put_together(sweep, store, key[2]), _weight)


def _put_together(sweep: core.Sweep, store: core.Store, runs: int) -> Result:
    """The result with ``runs`` runs finished, or where there is none with those of an earlier version, or with theory."""
    kind = core.experiment(sweep.experiment)
    table = core.stored_table(sweep, store) if runs else None
    made_by = ""
    if table is None and sweep.size <= OLD_RUNS:
        there = core.kept_sweep(sweep, store)
        if there.finished:
            table = kind.table(*core.finished(there.sweep, store, by_anyone=True))
            made_by = there.made_by
    if table is None or not len(table):
        return Result(sweep, kind.analysis(kind.expected(sweep)), [], [], False)
    analysis = kind.analysis(core.to_frame(table))
    findings = kind.findings(analysis)
    sound = kind.sound_settings(analysis, findings)
    return Result(sweep, analysis, findings, sound, True, runs == _whole(sweep), made_by)


def _key(sweep: core.Sweep, store: core.Store, finished: int) -> Key:
    return sweep.key, str(store.path), finished, len(core.lacking(sweep.axes.get("dataset", ())))


def _whole(sweep: core.Sweep) -> int:
    """Runs of the sweep when nothing is missing."""
    return len(sweep.points) * len(sweep.seeds)


def result_panel(
    kind: core.Experiment,
    sweep: core.Sweep,
    middle: Callable[[], None] | None = None,
    more: MoreCharts = dict,
    alone: bool = False,
    aside: Callable[[core.Analysis], str | None] = lambda analysis: None,
    between: Callable[[core.Analysis], None] | None = None,
    lead: Callable[[core.Analysis], core.Figure | None] = lambda analysis: None,
) -> None:
    """The answer with the chart that proves it, then all else that was found so far, renewed while the job runs.

    middle  draws what a page shows of its own between the charts and what can be taken away
    alone   of one run, the middle stands in the answer's and the charts' place
    aside   a sentence that stands before the headline numbers
    more    the charts of that which belong into the report
    between  draws what stands between the answer and the other charts
    lead    what stands for the first chart, once the page knows more than its frame
    """
    store = page.store()
    job, running, stored = job_panel.job_panel(sweep)
    pace = _kept().get(("pace", sweep.key, str(store.path)), Pace, lambda pace: 0)
    finished = pace.due(job.progress.finished) if job is not None and running else stored

    others = job_panel.other_jobs(sweep)

    @st.fragment(run_every=POLL_SECONDS if running or others else None)
    @turns.turn()
    def state() -> None:
        if page.jobs().find(sweep, store) is not job:  # Run was pressed: the clock must be wound
            st.rerun()
        if job is not None and running and (not job.running or pace.due(job.progress.finished) > finished):
            st.rerun()  # the page draws what it has come to by now
        job_panel.status_line(sweep, job)
        beside = job_panel.other_jobs(sweep)
        if others and not beside:  # the clock may stand still
            st.rerun()
        job_panel.other_lines(beside)

    @st.fragment
    @turns.turn()
    def answer() -> None:
        began = time.thread_time()
        garbage.set_aside()
        key = _key(sweep, store, finished)
        result = _result(sweep, store, key)
        pictures = _pictures(kind, result.analysis, key, _chosen(kind))
        single = alone and _whole(sweep) == 1
        if result.analysis.frame.empty:
            _awaited(kind, sweep, running, single)
        elif not single:
            _answer(pictures, result, _missing(result, finished), aside(result.analysis), lead(result.analysis))
        if between is not None:
            between(result.analysis)
        if not result.analysis.frame.empty and not single:
            _filter(kind, result.analysis.frame)
            _charts(pictures)
            _comparison(kind, result)
        if middle is None and result.measured:
            take_away.take_away(kind, sweep, result.analysis, result.comparison, pictures.figures, more)
        if running:
            pace.took(time.thread_time() - began)

    state()
    answer()
    if middle is not None:
        middle()
        _below(kind, sweep, alone, more)


def _below(kind: core.Experiment, sweep: core.Sweep, alone: bool, more: MoreCharts) -> None:
    """What stands below a page's own middle: of one run that stood ``alone`` its numbers, and what can be taken away."""
    store = page.store()
    key = _key(sweep, store, page.stored_count(sweep))
    result = _result(sweep, store, key)
    if not result.measured:
        return
    pictures = _pictures(kind, result.analysis, key, _chosen(kind))
    if alone and _whole(sweep) == 1:
        left, right = st.columns([7, 3], gap="medium", vertical_alignment="center")
        with left:
            _numbers(pictures, result, 0, len(pictures.headline))
        with right:
            _verdict(result, whole=True)
        _findings(result, right)
    take_away.take_away(kind, sweep, result.analysis, result.comparison, pictures.figures, more)


class Pictures(NamedTuple):
    """What is drawn of a frame: the numbers above, and the charts by name."""

    analysis: core.Analysis
    headline: list[tuple[str, str, str]]
    figures: core.Figures


def _pictures(kind: core.Experiment, analysis: core.Analysis, key: Key, chosen: Chosen) -> Pictures:
    """The pictures of a result, each drawn once, when somebody looks at it, however often the page is renewed."""
    return _kept().get(("pictures", key, chosen), lambda: _drawn(kind, analysis, chosen), _weight)


def _drawn(kind: core.Experiment, analysis: core.Analysis, chosen: Chosen) -> Pictures:
    """The pictures of those rows whose settings are ``chosen``."""
    if chosen:
        frame = analysis.frame
        for name, values in chosen:
            frame = frame[frame[name].isin(values)]
        analysis = kind.analysis(frame)
    return Pictures(analysis, kind.headline(analysis), kind.figures(analysis))


def _awaited(kind: core.Experiment, sweep: core.Sweep, under_way: bool, alone: bool) -> None:
    """In the answer's place, before the first runs are there: what is known without them, and what is computed."""
    runs = core.counted(_whole(sweep), "run")
    sketch = (
        None if alone else _kept().get(("sketch", sweep.key), lambda: kind.sketch(sweep), lambda figure: OTHER_ROWS)
    )
    asked = runs if sketch else f"{runs} ({core.plain(page.sweep_words(kind, sweep.link()))})"
    words = (
        f"Under way: {asked}. The answer stands here as soon as the first of them end."
        if under_way
        else f"Nothing has been computed yet of {asked}: press Run."
    )
    if sketch is not None:
        left, right = st.columns([7, 3], gap="medium")
        with left:
            page.chart(sketch, "sketch", LEAD_HEIGHT, alone=True)
        right.info(words)
        return
    with st.container() if alone else st.container(border=True, height=LEAD_HEIGHT + page.CHART_MARGIN):
        st.markdown(f"**{core.plain(kind.question)}**")
        st.info(words)


def _answer(pictures: Pictures, result: Result, missing: int, aside: str | None, lead: core.Figure | None) -> None:
    """The first figure, whose title is the answer, with the headline numbers beside it; several findings stand below."""
    name = next(iter(pictures.figures))
    first = lead or pictures.figures[name]
    if missing > 0 and result.measured and first.title:
        first = replace(first, title=f"{_so_far(result)}: {first.title}")
    left, right = st.columns([7, 3], gap="medium")
    with left:
        page.chart(first, name, LEAD_HEIGHT, alone=True)
    with right:
        if aside:
            st.markdown(f"**{core.plain(aside)}**")
        longest = max((len(value) for _, value, _ in pictures.headline if len(value) <= METRIC_LENGTH), default=0)
        _numbers(pictures, result, missing, 1 if longest > LONG_VALUE else 2)
        _verdict(result, missing <= 0)
    _findings(result, right)


def _missing(result: Result, finished: int) -> int:
    """Runs that are not in the result, which may hold some that ended since ``finished`` were counted."""
    count = 0 if result.made_by or not result.measured else result.analysis.frame["run"].nunique()
    return _whole(result.sweep) - max(finished, count)


def _so_far(result: Result) -> str:
    """How many of the runs are there, and of which settings where some have none yet: ``So far, with 100 of 400 runs (hidden=8)``."""
    frame = result.analysis.frame
    there = {name: list(frame[name].unique()) for name, values in result.sweep.axes.items() if len(values) > 1}
    some = [
        f"{name}={','.join(map(str, values))}" if len(values) <= FEW else f"{len(values)} of {name}"
        for name, values in there.items()
        if len(values) < len(result.sweep.axes[name])
    ]
    of = f" ({' '.join(some)})" if some else ""
    return f"So far, with {frame['run'].nunique():,} of {_whole(result.sweep):,} runs{of}"


def _numbers(pictures: Pictures, result: Result, missing: int, across: int) -> None:
    """The headline numbers, so many in a row."""
    told = [entry for entry in pictures.headline if entry[1] != "–" or not result.measured]
    numbers = [entry for entry in told if len(entry[1]) <= METRIC_LENGTH]
    for start in range(0, len(numbers), across):
        row = numbers[start : start + across]
        for column, (label, value, note) in zip(st.columns(across), row, strict=False):
            column.metric(core.plain(label), value, help=core.plain(note))
    for label, value, note in told:
        if len(value) > METRIC_LENGTH:
            st.markdown(f"{core.plain(label)}: **{core.plain(value)}**. {core.plain(note)}")
    if result.made_by:
        st.caption(f"These runs were {core.plain(result.made_by)}.")
    elif result.measured and missing > 0:
        st.caption(f"So far, {missing:,} runs missing: what stands here may change.")


def _charts(pictures: Pictures) -> None:
    """The other charts, a group at a time, in two equal columns; what is flat is said in a line."""
    groups = pictures.figures.groups
    if not groups:
        return
    group = page.choice("Charts", (*groups, EVERYTHING), "charts") if len(groups) > 1 else next(iter(groups))
    names = [name for members in groups.values() for name in members] if group == EVERYTHING else groups[group]
    page.charts({name: pictures.figures[name] for name in names})


def _comparison(kind: core.Experiment, result: Result) -> None:
    """A row per setting, in people's words, the settings held while the measures scroll."""
    settings = len(result.sweep.points)
    if settings < 2 or not result.whole:
        return
    unfolded = st.expander(f"Compare the {settings:,} settings in numbers", key="comparison", on_change="rerun")
    if not unfolded.open:  # it is worked out then
        return
    compared = result.comparison()
    with unfolded:
        st.caption(
            "Mean over seeds, with its 95 % interval (Student's t; of pooled fits the jackknife's, of shares Wilson's)."
        )
        config = {
            name: st.column_config.Column(
                core.label_of(name),
                help=core.COLUMNS[name].meaning if name in core.COLUMNS else None,
                pinned=name in kind.settings.names(),
            )
            for name in compared.columns
        }
        st.dataframe(compared, hide_index=True, column_config=config)


def _chosen(kind: core.Experiment) -> Chosen:
    """What the filter shows, by setting."""
    names = kind.settings.names()
    return tuple((name, tuple(values)) for name in names if (values := st.session_state.get(f"filter {name}")))


def _filter(kind: core.Experiment, frame: pd.DataFrame) -> None:
    """Fields for the settings that the reader wants to see; empty shows all."""
    names = core.varying_settings(frame, kind.settings.names())
    if len(names) < 2:
        return
    with st.expander("Show only some settings"):
        for column, name in zip(st.columns(len(names)), names, strict=True):
            values = list(dict.fromkeys(frame[name].dropna()))
            column.multiselect(
                core.COLUMNS[name].label, values, key=f"filter {name}", placeholder="all", help="Empty shows all."
            )


def _verdict(result: Result, whole: bool) -> None:
    """Whether there is a fault, and which settings have none."""
    if result.findings and result.sound:
        st.success(f"No fault with {_few(result.sound)}.")
    elif result.measured and not result.findings:
        st.success("No fault found.") if whole else st.info("No fault found so far.")


def _findings(result: Result, beside: DeltaGenerator) -> None:
    """Each fault once for all settings that share it: a single one ``beside`` the chart, several in a row below."""
    groups: dict[tuple[str, ...], list[core.Finding]] = {}
    for finding in result.findings:  # a message begins with its setting, if with any
        alike = () if len(_setting(finding)) <= LONG_SETTING else (finding.message,)
        groups.setdefault((finding.code, finding.remedy, *alike), []).append(finding)
    shown = list(groups.values())
    first = SHOWN_FINDINGS if len(shown) <= MANY_FINDINGS else 1  # of many, each is a line of a chart too
    if len(shown[:first]) < 2:
        places = [beside]
    else:
        places = list(st.columns(len(shown[:first]), gap="medium"))
    for group, place in zip(shown[:first], places, strict=False):
        with place:
            _draw_group(group, result.sweep)
    more = shown[first:]
    if more:
        label = core.counted(len(more), "more finding")
        with places[0] if len(places) == 1 else st.container(), st.expander(label):
            for group in more[: 100 - first]:
                _draw_group(group, result.sweep)


def _setting(finding: core.Finding) -> str:
    """The setting that a finding is of."""
    return finding.message.partition(": ")[0]


def _draw_group(group: list[core.Finding], sweep: core.Sweep) -> None:
    """A finding, and the settings that share it."""
    first, *others = group
    st.markdown(f"{ICONS[first.severity]} **{core.plain(first.message)}** {core.plain(first.remedy)}")
    if first.link:
        page.see_it_work(first.link, sweep)
    if others:
        st.caption(f"Likewise {_few([_setting(finding) for finding in others])}.")


def _few(names: list[str]) -> str:
    """The first names, and how many there are besides."""
    more = f" and {len(names) - LIKEWISE:,} more" if len(names) > LIKEWISE else ""
    return f"{core.plain('; '.join(names[:LIKEWISE]))}{more}"
