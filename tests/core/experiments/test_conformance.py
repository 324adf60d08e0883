"""What every experiment keeps, whoever wrote it: fed by the ``examples.py`` of its folder here."""

from __future__ import annotations

import importlib
import io
import json
import urllib.parse
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pytest

import core
from core import files, tables
from core.__main__ import main
from core.experiments import with_link
from tests.core.experiments.odd_frames import assert_all_drawn_and_left_alone, cut_and_emptied
from tests.core.scripts.interpreter import printed_by

GOLDEN = Path(__file__).parents[1] / "golden"
GOLDEN_TOLERANCE = 1e-6  # relative, so that machines agree
SHARES = ("accuracy", "val_accuracy", "saturated", "dead")  # a threshold may fall to either side: one count


def examples(name):
    return importlib.import_module(f"tests.core.experiments.{name}.examples")


@pytest.mark.parametrize("name", core.NAMES)
def test_a_frame_is_known_by_its_columns(name):
    assert core.experiment_of(pd.DataFrame(columns=list(core.experiment(name).columns))) == name


def frame_of(name, given):
    """The frame of a sweep, computed here in stacks."""
    kind = core.experiment(name)
    sweep = kind.sweep(given)
    columns = {
        run.id: each
        for task in kind.tasks(sweep.runs())
        for run, each in zip(task, kind.compute(task, "cpu"), strict=True)
    }
    runs = list(sweep.runs())
    return tables.to_frame(kind.table(runs, tables.encode([columns[run.id] for run in runs])))


@pytest.fixture(scope="module")
def small():
    """Each experiment's small sweep."""
    return {name: frame_of(name, examples(name).SMALL) for name in core.NAMES}


def one_run(name):
    return core.experiment(name).one_run(examples(name).ONE_RUN)


def measured(name):
    """The index and measured columns of the one run."""
    kind = core.experiment(name)
    (columns,) = kind.compute([one_run(name)], "cpu")
    return pd.DataFrame(columns)[[*kind.index, *kind.measures]]


@pytest.mark.slow
@pytest.mark.parametrize("name", core.NAMES)
def test_odd_frames_are_drawn_in_words_and_left_alone(small, name):
    assert_all_drawn_and_left_alone(core.experiment(name), cut_and_emptied(core.experiment(name), small[name], rows=0))


@pytest.mark.parametrize("name", core.NAMES)
def test_charts_are_named_without_being_drawn(small, name, monkeypatch):
    def drawn(*_, **__):
        raise AssertionError("a chart is drawn before anybody looks at it")

    kind = core.experiment(name)
    with monkeypatch.context() as unseen:
        unseen.setattr(alt.Chart, "__init__", drawn)
        figures = kind.figures(kind.analysis(small[name]))
    first, *others = figures
    assert sorted(others) == sorted(name for names in figures.groups.values() for name in names)
    assert figures[first].title


@pytest.mark.parametrize("name", core.NAMES)
def test_a_run_is_the_same_alone_and_in_a_stack(small, name):
    kind = core.experiment(name)
    for run in kind.sweep(examples(name).SMALL).runs():
        alone = tables.to_frame(kind.table([run], tables.encode(kind.compute([run], "cpu"))))
        stacked = small[name][small[name]["run"] == run.id].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, stacked, check_exact=True)


@pytest.mark.parametrize("name", core.NAMES)
def test_a_fresh_frame_is_the_stored_one(small, name, tmp_path):
    options = {"executor": "inline", "store": str(tmp_path / "store.sqlite")}
    fresh = core.run(name, **options, **examples(name).SMALL)
    pd.testing.assert_frame_equal(fresh, core.run(name, **options, **examples(name).SMALL), check_exact=True)
    pd.testing.assert_frame_equal(fresh, small[name], check_exact=True)


@pytest.mark.parametrize("name", core.NAMES)
def test_list_export_delete_and_count_agree(small, name, tmp_path, capsys):
    path = str(tmp_path / "store.sqlite")
    core.run(name, executor="inline", store=path, **examples(name).SMALL)
    runs = small[name]["run"].nunique()
    assert main(["store", "list", "--store", path]) == 0
    listing = capsys.readouterr().out
    assert f"{name}: {runs} runs" in listing
    assert f"{runs} of {runs} runs" in listing
    out = str(tmp_path / "frame.csv")
    assert main(["store", "export", name, "--out", out, "--store", path]) == 0
    exported = files.read(out)
    assert set(exported["run"]) == set(small[name]["run"])
    assert len(exported) == len(small[name])
    store = core.Store(path)
    (stored,) = store.sweeps()
    sweep = core.experiment(name).stored_sweep(stored.link)
    assert store.count(sweep.ids) == runs
    store.delete(sweep.ids)
    assert store.counts() == {}
    store.close()


@pytest.mark.slow
def test_every_script_prints_what_the_engine_measures(tmp_path):
    scripts = {name: core.experiment(name).code(one_run(name)) for name in core.NAMES}
    printed = printed_by(scripts, tmp_path)
    for name in core.NAMES:
        ours, plain = measured(name), pd.read_csv(io.StringIO(printed[name]))
        assert set(plain.columns) <= set(ours.columns)
        for column in plain.columns:
            slack = 0.05 if column in SHARES else 1e-12
            np.testing.assert_allclose(
                plain[column].astype(float),
                ours[column].astype(float),
                rtol=1e-8,
                atol=slack,
                err_msg=f"{name} {column}",
            )


@pytest.mark.parametrize("name", core.NAMES)
def test_numbers_that_change_need_a_raised_version(name):
    """``python -m tests.core.experiments.test_conformance`` writes the file of a new version."""
    kind = core.experiment(name)
    path = GOLDEN / f"{name}-{kind.version}.csv"
    assert path.is_file(), f"{path.name} is missing: write it with python -m tests.core.experiments.test_conformance"
    golden, today = pd.read_csv(path), measured(name)
    assert list(golden.columns) == list(today.columns)
    for column in golden.columns:
        np.testing.assert_allclose(
            today[column].astype(float),
            golden[column].astype(float),
            rtol=GOLDEN_TOLERANCE,
            atol=1e-300,
            err_msg=column,
        )


@pytest.mark.parametrize("name", core.NAMES)
def test_presets_can_be_computed_and_open_again_from_their_links(name):
    kind = core.experiment(name)
    for preset in kind.presets:
        sweep = kind.sweep(preset.settings)
        assert core.too_large(sweep) is None, preset.name
        assert kind.sweep(sweep.link()).key == sweep.key, preset.name
        assert kind.stored_sweep(sweep.link()).ids == sweep.ids, preset.name


@pytest.mark.parametrize("name", core.NAMES)
def test_what_a_page_shows_healed_opens_there(name):
    kind = core.experiment(name)
    for code, settings in kind.shows.items():
        assert core.too_large(kind.sweep(settings)) is None, code
        linked = with_link(core.Finding(code, "error", "A fault."))
        assert linked.link.startswith("/")
        assert with_link(linked) is linked


SICK = [(name, given, code) for name in core.NAMES for given, code in examples(name).SICK]
SOUND = [(name, given) for name in core.NAMES for given in examples(name).SOUND]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "given", "code"), SICK, ids=lambda value: str(value)[:40])
def test_a_sick_sweep_gets_its_finding_with_a_remedy_and_a_link_that_opens(name, given, code):
    kind = core.experiment(name)
    findings = kind.findings(kind.analysis(frame_of(name, given)))
    assert code in [finding.code for finding in findings]
    for finding in findings:
        assert finding.message and finding.remedy and "nan" not in finding.message + finding.remedy
        json.dumps(finding.as_dict(), allow_nan=False)
        if finding.link:
            page, _, query = finding.link.partition("?")
            assert page == f"/{kind.page}"
            assert kind.sweep(dict(urllib.parse.parse_qsl(query))).points


@pytest.mark.slow
@pytest.mark.parametrize(("name", "given"), SOUND, ids=lambda value: str(value)[:40])
def test_a_sound_sweep_gets_no_error_and_no_warning(name, given):
    kind = core.experiment(name)
    findings = kind.findings(kind.analysis(frame_of(name, given)))
    assert [finding for finding in findings if finding.severity != "info"] == []


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in core.NAMES:
        path = GOLDEN / f"{name}-{core.experiment(name).version}.csv"
        if not path.is_file():
            measured(name).to_csv(path, index=False)
            print(f"wrote {path.name}")
