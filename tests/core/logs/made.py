"""Small logs, one per format, as the tools write them."""

from __future__ import annotations

import json
import math
import struct

LOSSES = [2.0 * math.exp(-place / 8) + 0.3 for place in range(24)]


def trainer_state(losses=LOSSES, planned=None, **more) -> str:
    history = [
        {"step": 10 * n, "epoch": n / 10, "loss": loss, "learning_rate": 1e-4 * (1 - n / 30), "grad_norm": 0.5}
        for n, loss in enumerate(losses, 1)
    ]
    history += [{"step": 10 * len(losses), "epoch": 2.4, "train_loss": 99.0, "train_runtime": 3.0}]
    reached = 10 * len(losses)
    state = {"global_step": reached, "max_steps": planned or reached, "log_history": history} | more
    return json.dumps(state, indent=2)


def console(losses=LOSSES) -> str:
    lines = [
        f" {n}%|▌ | {n}/24 [00:01<00:09]\n{{'loss': {loss:.4f}, 'grad_norm': 0.5, 'learning_rate': 5e-05, 'epoch': {n / 10}}}"
        for n, loss in enumerate(losses)
    ]
    return "\n".join(lines)


def llama_factory(losses=LOSSES) -> str:
    lines = [
        {"current_steps": 5 * n, "total_steps": 120, "loss": loss, "lr": 1e-5, "epoch": n / 9, "percentage": 4.0}
        for n, loss in enumerate(losses, 1)
    ]
    return "\n".join(map(json.dumps, lines))


def lightning(losses=LOSSES) -> str:
    lines = ["epoch,lr-Adam,step,train_loss_epoch,train_loss_step,val_loss"]
    for n, loss in enumerate(losses):
        lines += [f",0.001,{50 * n + 49},,,", f"{n // 4},,{50 * n + 49},,{loss},"]
        lines += [f"{n // 4},,{50 * n + 49},,,{loss + 0.1}"] if n % 4 == 3 else []
    return "\n".join(lines) + "\n"


def keras(losses=LOSSES) -> str:
    lines = ["epoch,accuracy,learning_rate,loss,val_accuracy,val_loss"]
    lines += [f"{n},{0.5 + n / 100},0.001,{loss},{0.5 + n / 110},{loss + 0.1}" for n, loss in enumerate(losses)]
    return "\n".join(lines) + "\n"


def ultralytics(losses=LOSSES, val=None) -> str:
    names = ["epoch", "train/box_loss", "train/obj_loss", "metrics/mAP_0.5", "val/box_loss", "x/lr0", "x/lr1", "x/lr2"]
    lines = [",".join(f"{name:>20}" for name in names)]
    for n, loss in enumerate(losses):
        cells = [
            n,
            loss,
            0.1,
            n / 40,
            loss + 0.1 if val is None else val,
            0.01 * min(1, n / 3),
            0.01,
            max(0.01, 0.1 - n / 30),
        ]
        lines.append(",".join(f"{cell:>20.5g}" for cell in cells))
    return "\n".join(lines) + "\n"


def nanogpt(losses=LOSSES) -> str:
    lines = ["number of parameters: 10.65M"]
    for n, loss in enumerate(losses):
        lines += [f"step {10 * n}: train loss {loss:.4f}, val loss {loss + 0.1:.4f}"] if n % 5 == 0 else []
        lines.append(f"iter {10 * n}: loss {loss:.4f}, time 1431.27ms, mfu 0.01%")
    return "\n".join(lines)


def varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def field(number: int, payload: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def framed(event: bytes) -> bytes:
    return struct.pack("<Q", len(event)) + b"\0" * 4 + event + b"\0" * 4


def event(step: int, *values: bytes) -> bytes:
    return framed(b"\x09" + struct.pack("<d", 1.0) + b"\x10" + varint(step) + field(5, b"".join(values)))


def scalar(tag: str, value: float) -> bytes:
    return field(1, field(1, tag.encode()) + b"\x15" + struct.pack("<f", value))


def tensor(tag: str, value: float) -> bytes:
    return field(1, field(1, tag.encode()) + field(8, b"\x08\x01" + field(2, b"") + field(4, struct.pack("<f", value))))


def text(tag: str, words: str) -> bytes:
    return field(1, field(1, tag.encode()) + field(8, b"\x08\x07" + field(8, words.encode())))


def tensorboard(kind=scalar, losses=LOSSES, *more: bytes) -> bytes:
    version = framed(b"\x09" + struct.pack("<d", 1.0) + field(3, b"brain.Event:2"))
    return version + b"".join(more) + b"".join(event(n, kind("train/loss", loss)) for n, loss in enumerate(losses))


FORMATS: dict[str, bytes] = {
    "trainer_state": trainer_state().encode(),
    "console": console().encode(),
    "llama_factory": llama_factory().encode(),
    "lightning": lightning().encode(),
    "keras": keras().encode(),
    "ultralytics": ultralytics().encode(),
    "nanogpt": nanogpt().encode(),
    "tensorboard": tensorboard(),
    "tensorboard_tensors": tensorboard(tensor),
    "wandb": b'{"_wandb": {"runtime": 9}, "_step": 25, "_runtime": 9, "train_loss": 0.3, "val_loss": 0.4}',
    "csv": ("step;loss\n" + "\n".join(f"{n};{loss:.4f}".replace(".", ",") for n, loss in enumerate(LOSSES))).encode(),
    "jsonl": "\n".join(json.dumps({"step": n, "train": {"loss": loss}}) for n, loss in enumerate(LOSSES)).encode(),
    "python_logging": "\n".join(
        f"2025-06-04 17:39:02,341 - INFO - Epoch [{n}/24], Train Loss: {loss:.4f}, Train Acc: {50 + n}.5%, Val Loss: {loss:.3f}"
        for n, loss in enumerate(LOSSES, 1)
    ).encode(),
}
