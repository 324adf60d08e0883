"""Functions with a mode of their own: functional dropout; and what feeds the training: DataLoaders, update_bn."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch.utils.data import DataLoader

if TYPE_CHECKING:
    from .whole import Whole

DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")


class Dropout:
    """One line of the script that calls functional dropout."""

    def __init__(self, site: int) -> None:
        self.site = site
        self.on_grad = self.on_no_grad = self.off_grad = self.off_no_grad = 0
        self.in_eval = self.in_eval_no_grad = 0  # fired while the module around it was in eval mode
        self.explicit = 0
        self.p = 0.0
        self.hashes: set[float] = set()
        self.repeats = 0

    def facts(self, name: str) -> dict[str, Any]:
        """The record for the recording."""
        names = (
            "on_grad",
            "on_no_grad",
            "off_grad",
            "off_no_grad",
            "in_eval",
            "in_eval_no_grad",
            "explicit",
            "p",
            "repeats",
        )
        return {key: getattr(self, key) for key in names} | {"line": name}


class Functional:
    """Functional dropout and the DataLoaders."""

    def __init__(self, session: Whole) -> None:
        self._session = session
        self.dropouts: dict[int, Dropout] = {}
        self.loaders: dict[int, dict[str, Any]] = {}

    def start(self) -> None:
        """Sees them from now on."""
        patches = self._session.patches
        for name in DROPOUTS:
            patches.wrap(F, name, self._dropout)
        patches.wrap(DataLoader, "__iter__", self._iterated)
        patches.wrap(torch.jit, "script", self._script)
        patches.wrap(torch.optim.swa_utils, "update_bn", self._update_bn)

    def _dropout(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def dropout(input: Any, p: float = 0.5, *args: Any, **kwargs: Any) -> Any:
            if session.on and not torch.compiler.is_compiling():
                session.safely(self._fired, input, p, args, kwargs)
            return original(input, p, *args, **kwargs)

        return dropout

    def _fired(self, values: Any, p: float, args: Any, kwargs: Any) -> None:
        frame = sys._getframe(3)
        if frame.f_code.co_filename.endswith(("nn/modules/dropout.py", "nn\\modules\\dropout.py")):
            return  # nn.Dropout: its module is seen
        session = self._session
        site = session.sites.here(3)
        record = self.dropouts.setdefault(site, Dropout(site))
        explicit = bool(args) or "training" in kwargs
        training = bool(args[0] if args else kwargs.get("training", True))
        graded = torch.is_grad_enabled()
        record.explicit += explicit
        record.p = float(p)
        if not training:
            record.off_grad += graded
            record.off_no_grad += not graded
            return
        record.on_grad += graded
        record.on_no_grad += not graded
        owner = frame.f_locals.get("self")
        if isinstance(owner, torch.nn.Module) and not owner.training and p > 0:
            record.in_eval += 1
            if not graded:
                record.in_eval_no_grad += 1
                if isinstance(values, torch.Tensor) and len(record.hashes) < 512:
                    key = float(values.detach().reshape(-1)[:64].double().sum()) + values.shape[0]
                    record.repeats += key in record.hashes
                    record.hashes.add(key)

    def _iterated(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def __iter__(loader: Any) -> Any:  # noqa: N807
            if session.on:
                session.safely(self._epoch, loader)
            return original(loader)

        return __iter__

    def _epoch(self, loader: Any) -> None:
        record = self.loaders.get(id(loader))
        if record is None and len(self.loaders) < 32:
            sampler = type(getattr(loader, "sampler", None)).__name__
            batch = type(getattr(loader, "batch_sampler", None)).__name__
            try:
                batches, rows = len(loader), len(loader.dataset)
            except TypeError:
                batches, rows = 0, 0
            record = self.loaders[id(loader)] = {
                "line": self._session.sites.name(self._session.sites.here(4)),
                "sampler": sampler,
                "batch_sampler": batch,
                "batches": batches,
                "rows": rows,
                "batch_size": loader.batch_size or 0,
                "drop_last": bool(loader.drop_last),
                "passes": 0,
                "workers": loader.num_workers,
            }
        if record is not None:
            record["passes"] += 1

    def _script(self, original: Callable[..., Any]) -> Callable[..., Any]:
        patches = self._session.patches

        def script(obj: Any, *args: Any, _frames_up: int = 0, **kwargs: Any) -> Any:
            with patches.suspended():
                return original(obj, *args, _frames_up=_frames_up + 1, **kwargs)

        return script

    def _update_bn(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def update_bn(*args: Any, **kwargs: Any) -> Any:
            session.updating_statistics = True
            try:
                return original(*args, **kwargs)
            finally:
                session.updating_statistics = False

        return update_bn

    def facts(self) -> list[dict[str, Any]]:
        """The lines that call functional dropout."""
        return [record.facts(self._session.sites.name(site)) for site, record in self.dropouts.items()]
