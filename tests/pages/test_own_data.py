"""The upload of a user's own table, by AppTest: kept once, reported, taken into the form, trained on."""

import hashlib
from pathlib import Path

import pytest

import core
from tests.core.parts.test_own_data import houses
from tests.pages.test_pages import TRAININGS, VANISHING, _own_server, charts_of, opened, seen, settled, text_of

pytestmark = pytest.mark.slow  # whole pages, run and drawn

SCHEDULERS = TRAININGS["schedulers"][0]
CONTENT = houses().to_csv(index=False).encode()
SMALL = {"width": "8", "epochs": "2", "batch_size": "128", "seeds": "2"}  # too large a batch for the table
__all__ = ["_own_server"]


def uploaded(app, name, content=CONTENT, file="my houses!.csv"):
    app.file_uploader(key=f"{name}:upload").set_value((file, content, "text/csv"))
    return app.run()


def with_target(app, name, target):
    return app.selectbox(key=f"{name}:target").select(target).run()


@pytest.mark.parametrize(("target", "promised"), [("condition class", "3 classes"), ("price", "a number")])
def test_an_upload_is_kept_reported_and_trained_on(tmp_path, target, promised):
    app = with_target(uploaded(opened(SCHEDULERS, **SMALL), "schedulers"), "schedulers", target)
    assert not app.exception
    report = text_of(app)
    assert promised in report
    assert "To beat" in report
    assert "**Left out**: id (row numbers), name (text that never repeats)," in report
    assert "**Numbers, standardized**: area (" in report
    app = settled(app.button(key="use").click().run())
    assert not app.exception
    assert app.button(key="use").disabled
    digest = hashlib.sha256(CONTENT).hexdigest()[:16]
    assert (tmp_path / "data" / f"my_houses_-{digest}.csv").read_bytes() == CONTENT
    (text,) = app.multiselect(key="schedulers:dataset").value
    assert text == str(core.REGISTRIES["datasets"].parse(f'csv(target="{target}", sha256={digest})'))
    assert "2 runs, all in the store" in text_of(app)
    assert charts_of(app) >= 2


def test_a_columns_name_is_shown_as_it_is_written():
    content = houses().rename(columns={"area": "area (m²) *€*_x_"}).to_csv(index=False).encode()
    app = with_target(uploaded(opened(SCHEDULERS, **SMALL), "schedulers", content), "schedulers", "price")
    assert "area (m²) *€*_x_ (" in text_of(app)
    assert any(r"area \(m²\) \*€\*\_x\_" in caption.value for caption in app.caption)


def test_an_upload_is_kept_once_it_is_used_and_not_before(tmp_path):
    for page, name in ((SCHEDULERS, "schedulers"), (VANISHING, "vanishing")):
        app = with_target(uploaded(opened(page), name), name, "price")
        assert not app.exception
        assert (tmp_path / "data").exists() == (page == VANISHING)
        app.button(key="use").click().run()
    assert len(list((tmp_path / "data").glob("*.csv"))) == 1


def test_a_small_table_is_trained_on_for_more_epochs_unless_their_number_was_chosen():
    small = {name: value for name, value in SMALL.items() if name != "epochs"}
    for chosen, epochs in (({}, "300"), ({"epochs": "2"}, "2")):
        app = with_target(uploaded(opened(SCHEDULERS, **small, **chosen), "schedulers"), "schedulers", "price")
        app = app.button(key="use").click().run()
        assert app.text_input(key="schedulers:epochs").value == epochs


@pytest.mark.parametrize("columns", [["area"], [f"x{number}" for number in range(24)]])
def test_remedies_fit_the_table_that_is_used(columns):
    frame = houses()
    content = frame[["condition class"]].assign(**dict.fromkeys(columns, frame["area"])).to_csv(index=False).encode()
    app = with_target(
        uploaded(
            opened("pages/4_Remedies.py", remedy="plain,residual_blocks", depth="2", epochs="1"), "remedies", content
        ),
        "remedies",
        "condition class",
    )
    app = app.button(key="use").click().run()
    assert not app.exception and not app.error
    wide = len(columns) > 1
    assert ("residual_blocks" in app.multiselect(key="remedies:remedy").value) == wide
    assert app.text_input(key="remedies:width").value == ("24" if wide else "64")


def test_an_upload_that_can_not_be_predicted_is_named_as_its_owner_calls_it(tmp_path):
    content = houses().assign(void=1).to_csv(index=False).encode()
    app = with_target(uploaded(opened(SCHEDULERS, **SMALL), "schedulers", content, "My file.csv"), "schedulers", "void")
    (error,) = app.sidebar.error
    assert seen(error.value) == "the target 'void' of My file.csv is 1 in every row: there is nothing to learn"
    assert not (tmp_path / "data").exists()


def test_a_broken_upload_gets_one_sentence_and_is_not_kept(tmp_path):
    app = uploaded(opened(SCHEDULERS, **SMALL), "schedulers", b"x,y\n1,2\n3\n", "odd.csv")
    assert not app.exception
    assert [seen(error.value) for error in app.sidebar.error] == [
        "odd.csv is ragged: line 3 has 1 cell, and the header has 2: delete what stands below the table, such as totals"
    ]
    assert not (tmp_path / "data").exists()


def test_a_link_to_own_data_shows_its_report_and_one_to_changed_data_a_sentence(tmp_path):
    upload = core.Upload("houses.csv", CONTENT)
    upload.keep()
    dataset = upload.dataset("price")
    app = settled(opened(SCHEDULERS, dataset=dataset, width="8", epochs="1"))
    assert not app.exception
    assert "To beat" in text_of(app)
    link = app.query_params["dataset"]
    (kept,) = (Path(core.default_path()).parent / "data").glob("houses-*.csv")
    kept.write_bytes(CONTENT.replace(b"NO", b"SE"))
    app = opened(SCHEDULERS, dataset=link[0] if isinstance(link, list) else link, width="8", epochs="1")
    assert not app.exception
    assert all("does not hold what it did" in seen(error.value) for error in app.error)
    assert len(app.error) >= 2
    results = opened("pages/10_Results.py")
    assert not results.exception
    assert results.dataframe[0].value["finished"].tolist() == [1]
    assert "dataset=houses → price" in results.dataframe[0].value["settings"].iloc[0]
    assert not opened("dashboard.py").exception


def test_sequences_are_no_tables():
    assert not opened("pages/3_Through_time.py").file_uploader
