"""Every page, run by Streamlit's own AppTest, with an inline executor and a store of its own."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import core

pytestmark = pytest.mark.slow  # whole pages, run and drawn

HOME = str(Path(__file__).parents[2] / "dashboard.py")
ROOT = Path(HOME).parent
PAGES = ["dashboard.py", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "pages").glob("*.py"))]
BACKPROP = "pages/1_Backprop_by_hand.py"
VANISHING, RESULTS = "pages/2_Vanishing_gradients.py", "pages/10_Results.py"
TRAININGS = {
    "schedulers": ("pages/7_Schedulers.py", {"scheduler": "one_cycle,constant", "dataset": "wine"}),
    "clipping": ("pages/5_Clipping.py", {"clipper": "norm,none", "dataset": "adding(length=6, samples=64)"}),
}
THROUGH_TIME = "pages/3_Through_time.py"


@pytest.fixture(autouse=True)
def _own_server(tmp_path, monkeypatch):
    import streamlit as st

    monkeypatch.setenv("GRADIENT_LAB_STORE", str(tmp_path / "store.sqlite"))
    monkeypatch.setenv("GRADIENT_LAB_EXECUTOR", "inline")
    st.cache_resource.clear()
    yield
    from pages.widgets import page

    for job in page.jobs()._jobs.values():  # torch may not compute while the process ends
        job.cancel()
        job.wait(60)
    st.cache_resource.clear()


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(HOME, default_timeout=60)
    app.run()
    if page != "dashboard.py":
        app.switch_page(page)
        app.query_params.update(query)
        app.run()
    return app


def settled(app: AppTest) -> AppTest:
    """The page once its job has ended; AppTest has no clock, so it is run again by hand."""
    from pages.widgets import page

    for job in page.jobs()._jobs.values():
        job.wait(60)
    return app.run()


def seen(text):
    """Markdown as a reader sees it: a backslash shows the sign behind it."""
    return re.sub(r"\\(.)", r"\1", text)


def text_of(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.error, app.success, app.info, app.title)
    return seen("\n".join(str(element.value) for kind in kinds for element in kind))


def charts_of(app: AppTest) -> int:
    return len(app.get("vega_lite_chart"))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_without_a_fault(page):
    app = opened(page)
    assert not app.exception
    assert app.title[0].value


def test_the_first_view_draws_theory_at_once_and_fills_in_the_measurement():
    app = opened(VANISHING)
    assert charts_of(app) >= 2
    app = settled(app)
    assert "40 runs, all in the store" in text_of(app)
    assert "gradients vanish" in text_of(app)
    assert not app.exception


def test_a_link_fills_the_form_and_opens_the_same_sweep():
    app = settled(opened(VANISHING, depth="3", activation="relu,gelu", init="normal(std=0.2)", seeds="2"))
    assert app.text_input(key="vanishing:depth").value == "3"
    assert app.multiselect(key="vanishing:activation").value == ["relu", "gelu"]
    assert app.multiselect(key="vanishing:init").value == ["normal(std=0.2)"]
    assert "4 runs, all in the store" in text_of(app)


def test_a_teachers_link_hides_and_locks_controls():
    app = settled(opened(VANISHING, depth="3", init="zeros", seeds="2", hide="init,seeds,preset"))
    assert not app.exception
    assert "2 runs, all in the store" in text_of(app)
    assert "Set by the link that brought you here: init zeros, seeds 2" in text_of(app)
    assert "vanishing:init" not in [box.key for box in app.multiselect]
    assert "vanishing:seeds" not in [box.key for box in app.text_input]
    assert "vanishing:preset" not in [box.key for box in app.selectbox]
    app.text_input(key="vanishing:depth").set_value("4").run()
    app = settled(app)
    assert app.query_params["hide"] in ("init,seeds,preset", ["init,seeds,preset"])
    app = app.button_group(key="take away").select("The table").run()
    assert set(app.dataframe[-1].value["init"]) == {"zeros"}
    assert set(app.dataframe[-1].value["depth"]) == {4}


def test_a_link_that_hides_what_is_no_control_is_one_sentence():
    app = opened(VANISHING, hide="inti")
    assert not app.exception
    assert "unknown control to hide 'inti'; did you mean 'init'" in seen(app.error[0].value)


def test_a_bad_link_leaves_the_form_and_a_way_back_to_the_defaults():
    app = opened(VANISHING, foo="1", depth="banana", seeds="2")
    assert not app.exception
    assert "unknown setting 'foo'" in text_of(app)
    assert "must be a whole number" in text_of(app)
    assert app.text_input(key="vanishing:depth").value == "banana"
    app = settled(app.button(key="start over").click().run())
    assert not app.error
    assert app.text_input(key="vanishing:depth").value == "5"
    assert charts_of(app)


def test_a_typing_error_leaves_the_last_result():
    app = settled(opened(VANISHING, depth="3", seeds="2"))
    drawn = charts_of(app)
    app = app.text_input(key="vanishing:depth").set_value("5,,20").run()
    assert "depth (hidden layers): must be a whole number" in text_of(app)
    assert charts_of(app) == drawn
    assert "the last result" in text_of(app)


@pytest.mark.parametrize("value", ["![x](http://127.0.0.1:9/p.png)", "[log in](http://127.0.0.1:9)", ":red[x]"])
def test_a_links_value_is_shown_as_text(value):
    app = opened(VANISHING, depth=value)
    assert not app.exception
    for error in app.error:
        assert "](" not in error.value and ":red[" not in error.value
        assert value in seen(error.value)


def test_a_link_can_not_make_the_server_read_its_files(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("hidden_column,other\n1,2\n3,4\n")
    for path in (secret, "/etc/passwd"):
        app = opened("pages/7_Schedulers.py", dataset=f'csv(path="{path}", target=x)')
        assert not app.exception
        assert "on pages a table of your own is an upload" in text_of(app)
        assert "hidden_column" not in text_of(app) and "root:" not in text_of(app)


def test_the_command_lines_table_can_be_looked_at_on_a_page_and_not_computed(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("a,b,y\n" + "".join(f"{i},{i % 7},{'yes' if i % 3 else 'no'}\n" for i in range(60)))
    given = {"dataset": f'csv(path="{path}", target=y)', "epochs": "1", "width": "8", "seeds": "2"}
    core.run("schedulers", executor="inline", **given)
    (stored,) = [each for each in core.Store().sweeps() if "own.csv" in str(each.link)]
    app = opened("pages/7_Schedulers.py", **stored.link)
    assert not app.exception
    assert charts_of(app)
    assert "a page can't compute more of it" in text_of(app)


def test_a_link_to_the_page_that_is_open_fills_its_form_anew():
    app = settled(opened(VANISHING, depth="3", seeds="2"))
    app.query_params.clear()
    app.query_params.update({"depth": "4", "seeds": "3"})
    app = settled(app.run())
    assert app.text_input(key="vanishing:depth").value == "4"
    assert "3 runs, all in the store" in text_of(app)


def test_a_page_keeps_its_bare_address_until_a_setting_is_changed_and_back_undoes_the_change():
    app = opened(VANISHING)
    assert dict(app.query_params) == {}
    app.text_input(key="vanishing:seeds").set_value("3").run()
    assert str(app.query_params["seeds"]) in ("3", "['3']")
    app.query_params.clear()  # Back
    app.run()
    assert app.text_input(key="vanishing:seeds").value == "20"
    assert dict(app.query_params) == {}


def test_back_from_a_question_that_a_link_asks_undoes_it_too():
    app = opened(VANISHING, predict="1", depth="4", seeds="2")
    app.query_params.clear()
    app.run()
    assert dict(app.query_params) == {}


def test_a_short_link_stays_as_it_is():
    app = opened(VANISHING, depth="4", seeds="2")
    assert {name: str(app.query_params[name]).strip("[]'") for name in app.query_params} == {"depth": "4", "seeds": "2"}


def test_what_a_page_showed_is_there_when_one_comes_back():
    app = opened(VANISHING)
    app.text_input(key="vanishing:seeds").set_value("3").run()
    app.switch_page(RESULTS).run()
    app.query_params.clear()
    app.switch_page(VANISHING).run()
    assert app.text_input(key="vanishing:seeds").value == "3"


def test_gradients_through_time_are_measured_drawn_and_judged():
    app = settled(opened(THROUGH_TIME, gain="0.5,1.2", seeds="3", dataset="adding(length=20)"))
    assert not app.exception
    assert charts_of(app) == 3
    assert "gradients vanish" in text_of(app)
    assert app.text_input(key="through_time:gain").value == "0.5,1.2"


def test_a_network_without_time_steps_is_a_sentence():
    app = opened(THROUGH_TIME, model="mlp")
    assert not app.exception
    assert "model: mlp has no time steps" in seen(app.error[0].value)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"depth": "0"}, "depth (hidden layers): must be a whole number, 1 to 1000, but got 0"),
        ({"activation": "tahn"}, "did you mean 'tanh'"),
        ({"norm": "batch"}, "batch_size must be 2 or more"),
        ({"seeds": "1000000000"}, "the limit is 1,000,000"),
    ],
)
def test_a_wrong_setting_gets_one_sentence_at_its_field_and_computes_nothing(query, sentence):
    app = opened(VANISHING, **query)
    assert not app.exception
    assert sentence in seen(app.error[-1].value + app.error[0].value)
    assert charts_of(app) == 0


def test_a_preset_fills_the_form_and_runs():
    app = opened(VANISHING)
    app.selectbox(key="vanishing:preset").select("With and without BatchNorm").run()
    app = settled(app)
    assert app.multiselect(key="vanishing:norm").value == ["none", "batch"]
    assert "40 runs, all in the store" in text_of(app)
    assert not app.exception


def test_a_large_sweep_waits_for_run():
    app = opened(VANISHING, depth="50", width="512", batch_size="256", loss="projection", seeds="40")
    assert "40 runs: about" in text_of(app)
    assert not app.button(key="run").disabled


def test_results_list_what_was_run_and_home_links_it():
    settled(opened(VANISHING, depth="4", seeds="3"))
    results = opened(RESULTS)
    assert not results.exception
    assert results.dataframe[0].value["finished"].tolist() == [3]
    assert "depth=4 seeds=3" in results.dataframe[0].value["settings"].iloc[0]


def test_a_damaged_store_is_a_sentence_on_every_page(tmp_path):
    (tmp_path / "store.sqlite").write_bytes(b"no database, but a good two hundred bytes of something else " * 20)
    for page in PAGES:
        app = AppTest.from_file(HOME, default_timeout=60).run()
        if page != "dashboard.py":
            app.switch_page(page).run()
        assert not app.exception
        assert "no store of Gradient Lab" in seen(app.error[0].value)


def test_backprop_shows_the_film_and_every_gradient_three_ways():
    app = settled(opened(BACKPROP, epochs="100"))
    assert not app.exception
    assert charts_of(app) == 5
    app = app.button_group(key="view").select("Every gradient, three ways").run()
    ways = next(frame.value for frame in app.dataframe if "autograd (PyTorch)" in frame.value)
    assert len(ways) == 17
    assert ways["by hand − autograd"].abs().max() < 1e-12
    assert ways["by hand − definition"].abs().max() < 1e-8
    app = app.button_group(key="view").select("Why this gradient? The chain rule").run()
    chain = next(frame.value for frame in app.dataframe if "product" in frame.value)
    assert chain["product"].mean() == pytest.approx(ways["by hand"].iloc[0], rel=1e-10)


def test_backprop_walks_on_by_a_step_and_looks_at_another_epoch_weight_and_example():
    app = settled(opened(BACKPROP, epochs="100"))
    assert "1 of 13" in text_of(app)
    app.button(key="walk:next").click().run()
    assert "2 of 13 · → forward · Bend" in text_of(app)
    app.select_slider(key="film:epoch").set_value(100).run()
    app.button_group(key="view").select("Why this gradient? The chain rule").run()
    app.selectbox(key="chain:parameter").select(("W2", 1, 0)).run()
    app.selectbox(key="film:example").select(2).run()
    assert not app.exception
    assert "From “hidden 2 → output”" in text_of(app)
    assert len(next(frame.value for frame in app.dataframe if "product" in frame.value)) == 1


@pytest.mark.parametrize(
    ("guess", "verdict"), [("two, as by chance", "As you said"), ("all four", "it came out “two, as by chance”")]
)
def test_a_prediction_is_compared_with_what_a_run_gives(guess, verdict):
    app = settled(opened(BACKPROP, epochs="10"))
    assert not any(radio.key == "predict backprop 1 guess" for radio in app.radio)  # folded
    app.session_state["predictions"] = True
    app.run()
    assert app.button(key="predict backprop 1 run").disabled
    app.radio(key="predict backprop 1 guess").set_value(guess).run()
    app.button(key="predict backprop 1 run").click().run()
    app = settled(app)
    assert not app.exception
    assert verdict in text_of(app)
    for unfolded in (False, True):
        app.session_state["predictions"] = unfolded
        app.run()
        assert (verdict in text_of(app)) == unfolded


def test_zeros_are_named_and_shown_beside_what_works():
    app = settled(opened(BACKPROP, init="zeros,lesson", seeds="2", epochs="300"))
    assert not app.exception
    assert "all weights start at zero" in text_of(app)
    assert "Every gradient is zero: nothing will change" in text_of(app)
    app.selectbox(key="film:point").select(1).run()
    assert "The loss asks most of" in text_of(app)


def test_the_film_plays_to_its_end(monkeypatch):
    app = settled(opened(BACKPROP, epochs="3"))
    app.button(key="film:play").click().run()
    for _ in range(4):
        app.run()
    assert not app.exception
    assert app.select_slider(key="film:epoch").value == 3
    assert app.button(key="film:play").label == "Play"


def test_a_teachers_link_asks_first_and_shows_the_result_after(tmp_path):
    app = settled(opened(VANISHING, depth="3", seeds="2", predict="1"))
    assert charts_of(app) == 0
    assert "Predict first." in text_of(app)
    app.radio(key="predict vanishing 0 guess").set_value(app.radio(key="predict vanishing 0 guess").options[0]).run()
    app = settled(app.button(key="predict vanishing 0 run").click().run())
    assert not app.exception
    assert charts_of(app) >= 2
    assert app.query_params["predict"] in ("1", ["1"])


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_is_run_compared_and_taken_away_as_a_script(name):
    page, given = TRAININGS[name]
    app = settled(opened(page, **given, width="8", epochs="2", batch_size="16", seeds="2"))
    assert not app.exception
    assert "4 runs, all in the store" in text_of(app)
    assert charts_of(app) >= 3
    assert not app.dataframe  # what is folded is not worked out
    app.session_state["comparison"] = True
    assert len(app.run().dataframe[0].value) == 2
    app = app.button_group(key="charts").select("Everything").run()
    assert charts_of(app) >= 5
    app = app.button_group(key="take away").select("A run in plain PyTorch").run()
    script = app.code[-1].value
    assert "import torch" in script and "SEED = 0" in script
    next(box for box in app.selectbox if box.label == "seed").select(1).run()
    assert "SEED = 1" in app.code[-1].value


def test_a_chosen_group_of_charts_outlives_a_setting_that_has_no_result(monkeypatch):
    from pages.widgets import page

    page_path, given = TRAININGS["schedulers"]
    app = settled(opened(page_path, **given, width="8", epochs="2", batch_size="16"))
    app = app.button_group(key="charts").select("Training").run()
    titles = text_of(app)
    with monkeypatch.context() as patched:
        patched.setattr(page, "start", lambda sweep: None)
        app.text_input(key="schedulers:epochs").set_value("3").run()
        assert not [group for group in app.button_group if group.key == "charts"]
    app.text_input(key="schedulers:epochs").set_value("2").run()
    assert app.button_group(key="charts").value == "Training"
    assert text_of(app) == titles


def test_a_sweep_that_was_left_behind_is_named_and_can_be_cancelled():
    page, given = TRAININGS["schedulers"]
    app = opened(page, **given, epochs="3000", seeds="40")
    app.button(key="run").click().run()
    app.text_input(key="schedulers:epochs").set_value("2")
    app.text_input(key="schedulers:seeds").set_value("1").run()
    assert re.search(
        r"Still under way: [0-9]+ of 80 runs of scheduler=one.{0,2}cycle,constant .*epochs=3000", text_of(app)
    )
    (cancel,) = [button for button in app.button if button.label == "Cancel it"]
    app = settled(cancel.click().run())
    assert "Still under way" not in text_of(app)


def test_results_of_two_experiments_open_each_on_its_own_page():
    for page, given in TRAININGS.values():
        settled(opened(page, **given, width="8", epochs="1", batch_size="16"))
    results = opened(RESULTS)
    assert not results.exception
    assert set(results.dataframe[0].value["experiment"]) == {"Schedulers", "Clipping"}
    assert not opened("dashboard.py").exception


def test_what_was_looked_at_may_be_gone_in_another_network():
    app = settled(opened(BACKPROP, epochs="50", hidden="8", dataset="moons(samples=40)", seeds="3"))
    app.button_group(key="view").select("Why this gradient? The chain rule").run()
    app.selectbox(key="chain:parameter").select(("W2", 7, 0)).run()
    app.selectbox(key="film:example").select(30).run()
    app.selectbox(key="film:seed").select(2).run()
    app.select_slider(key="film:epoch").set_value(33).run()
    assert not app.exception
    app.text_input(key="backprop:hidden").set_value("2")
    app.text_input(key="backprop:epochs").set_value("10")
    app.multiselect(key="backprop:dataset").set_value(["xor"])
    app.text_input(key="backprop:seeds").set_value("1")
    app = settled(app.run())
    assert not app.exception
    assert "At epoch 0, " in text_of(app)


def test_a_wrong_line_stands_beside_the_right_one_with_its_price():
    app = settled(opened("pages/8_Mistakes.py", mistake="none,no_zero_grad,shapes_broadcast", epochs="3", seeds="3"))
    assert not app.exception
    assert "of 2 wrong lines cost" in text_of(app)
    assert "gradients_not_zeroed" in text_of(app)
    assert "+         optimizer.zero_grad()" in app.code[0].value
    app.selectbox(key="wrong line").select("shapes_broadcast").run()
    lines = app.code[0].value.splitlines()
    assert "-         loss = F.mse_loss(output, y)" in lines
    assert "+         loss = F.mse_loss(output.squeeze(1), y)" in lines
    assert "shapes_broadcast" in app.code[1].value


def test_a_sketch_stands_where_the_answer_will_until_the_first_runs_end(monkeypatch):
    from pages.widgets import page

    monkeypatch.setattr(page, "start", lambda sweep: None)
    app = opened("pages/7_Schedulers.py")
    assert charts_of(app) == 1
    assert "These rates will run between" in text_of(app)


def test_a_page_without_a_run_says_what_it_waits_for():
    app = opened(BACKPROP, hidden="2,3", seeds="3000", epochs="5000")
    assert "Nothing has been computed yet of 6,000 runs (hidden=2,3 " in text_of(app)
    assert "How does a two-layer network learn XOR?" in text_of(app)
    assert "Nothing has been trained yet" not in text_of(app)
    assert not app.exception


def test_what_is_there_so_far_is_named_where_some_settings_have_no_run():
    from pages.widgets.result_panel import Result, _so_far

    kind = core.experiment("backprop")
    analysis = kind.analysis(core.run("backprop", executor="inline", hidden="8", seeds="2", epochs="3"))
    asked = [kind.sweep({"hidden": hidden, "seeds": "3", "epochs": "3"}) for hidden in ("2,8", "8")]
    words = [_so_far(Result(sweep, analysis, [], [], True)) for sweep in asked]
    assert words == ["So far, with 2 of 6 runs (hidden=8)", "So far, with 2 of 3 runs"]
