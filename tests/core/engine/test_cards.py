"""What is done on a card, where no answer is waited for: computed here on a processor that is taken for one."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import core
from core.engine import cards
from core.engine.columns import Columns

SWEEPS = {
    "vanishing": {"depth": "2,40", "activation": "tanh,sigmoid,relu", "width": "16", "batch_size": "8", "seeds": "2"},
    "remedies": {"remedy": "plain,skip,batch_norm", "dataset": "moons", "depth": "6", "epochs": "1"},
    "clipping": {"clipper": "none,norm,value,auto", "dataset": "adding(length=8, samples=64)", "epochs": "2"},
    "schedulers": {"scheduler": 'plateau,plateau(per="batch"),cosine', "dataset": "moons", "epochs": "2"},
    "range_test": {"dataset": "moons", "steps": "40", "seeds": "2"},
    "through_time": {
        "model": "rnn,lstm,gru",
        "dataset": "adding(length=8, samples=64)",
        "batch_size": "16",
        "seeds": "2",
    },
    "mistakes": {"mistake": "none,no_zero_grad,summed_loss", "dataset": "moons", "epochs": "2"},
}


@pytest.mark.parametrize("name", SWEEPS)
def test_a_run_is_the_same_where_no_answer_is_waited_for(name, monkeypatch):
    kind = core.experiment(name)
    sweep = kind.sweep(SWEEPS[name])
    here = kind.measured(sweep)
    monkeypatch.setattr(cards, "waits", lambda tensor: True)
    there = kind.measured(sweep)
    pd.testing.assert_frame_equal(there, here, check_exact=True)


def test_numbers_of_a_card_are_copied_once_an_epoch_all_together(monkeypatch):
    copies = []
    monkeypatch.setattr(cards, "waits", lambda tensor: True)
    monkeypatch.setattr(
        Columns, "_fetch", lambda self, fetch=Columns._fetch: (copies.append(len(self._waiting)), fetch(self))
    )
    columns = Columns(["loss", "layers"], (2, 6, 3), epoch=2)
    for row in range(6):
        columns.put(row, loss=torch.tensor([[row], [row + 0.5]]).expand(2, 3), layers=torch.full((2, 2), float(row)))
    assert copies == [4, 4]
    values = columns.read()
    assert copies == [4, 4, 4]
    np.testing.assert_array_equal(values["loss"][:, :, 2], [np.arange(6.0), np.arange(6) + 0.5])
    np.testing.assert_array_equal(values["layers"][0, :, 0], np.arange(6.0))
    assert np.isnan(values["layers"][:, :, 2]).all()


ASKED = {"aten::_local_scalar_dense", "aten::is_nonzero", "aten::nonzero", "aten::masked_select", "aten::equal"}


class Answers(TorchDispatchMode):
    """Counts what a card would have to answer before the program goes on."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        by_mask = func._schema.name in ("aten::index", "aten::index_put_") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        self.count += by_mask or func._schema.name in ASKED
        return func(*args, **kwargs or {})


def answers(name, **settings):
    kind = core.experiment(name)
    with Answers() as asked:
        kind.measured(kind.sweep({**settings, "seeds": "2"}))
    return asked.count


LEARNING = {"dataset": "moons(samples=100)", "batch_size": "10"}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("clipping", LEARNING | {"model": "mlp", "clipper": "none,norm,value,per_parameter,adaptive"}),
        ("clipping", {"model": "rnn,lstm,gru", "dataset": "adding(length=4, samples=80)", "batch_size": "8"}),
        ("schedulers", LEARNING | {"scheduler": "constant,cosine,one_cycle", "norm": "none,batch"}),
    ],
)
def test_no_update_waits_for_an_answer(name, settings, monkeypatch):
    monkeypatch.setattr(cards, "waits", lambda tensor: True)
    assert answers(name, **settings, epochs="3") == answers(name, **settings, epochs="1")


def test_a_measured_pass_waits_once_for_whether_a_plain_one_must_be_made(monkeypatch):
    monkeypatch.setattr(cards, "waits", lambda tensor: True)
    settings = {"remedy": "plain", "depth": "4", "dataset": "moons(samples=100)", "batch_size": "8"}
    one, three = (answers("remedies", **settings, epochs=epochs) for epochs in ("1", "3"))
    assert 0 < three - one <= 2 * 10  # passes of two epochs
