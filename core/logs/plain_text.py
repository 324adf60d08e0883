"""Plain text: lines in which an epoch, a step, losses, a rate or an accuracy stand, however they were printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from core.diagnosis.trace import Trace
from core.logs import rows
from core.logs.cells import NUMBER, number
from core.logs.content import Content
from core.logs.names import TEST, TRAIN, VALIDATION, meaning

FORMAT = "text log"
PREFIX = re.compile(
    r"^\W*\d{4}[-/.]\d\d?[-/.]\d\d?[T ]+[\d:.,]+Z?[\])]?(?:\s*[-|:]?\s*\[?(?:INFO|DEBUG|WARNING|ERROR|CRITICAL)\]?)?[\s:|-]*"
    r"|^\W*(?:INFO|DEBUG|WARNING)\b[\w.:]*[\s:|-]*",
    re.IGNORECASE,
)
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|.\x08")
NAKED = re.compile(rf"^\s*(\d+)\s+([a-z]{{2,12}})\s+({NUMBER})\s*$", re.IGNORECASE)
COUNTER = re.compile(
    r"\b(?P<name>epochs?|[eé]po(?:ca|que|che)|ep|steps?|iters?|iterations?|it|global[_ ]step|num_updates|batch)\b\s*(?:\((?P<whose>[a-z]+)\))?\s*[:=#]?\s*"
    r"[\[(]?\s*(?P<now>\d[\d,]*(?:\.\d+)?)"
    r"(?:\s*(?:/|of)\s*(?P<all>\d[\d,]*))?",
    re.IGNORECASE,
)
BRACKET = re.compile(r"\[\s*(?P<now>\d+)\s*/\s*(?P<all>\d+)\s*(?:\(\s*\d+%\s*\))?\]")
PAIR = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z0-9_./@-]*(?:[ _][A-Za-z][A-Za-z0-9_./@-]*){0,3})['\"]?\s*(?:\([^()]{0,20}\))?\s*[:=]?\s*[\[(]?"
    rf"(?P<number>{NUMBER})(?![A-Za-z0-9_])\s*(?P<percent>%)?",
    re.IGNORECASE,
)
RATIO = re.compile(r"accuracy\s*[:=]?\s*(\d+)\s*/\s*(\d+)\s*\((\d+(?:\.\d+)?)\s*%\)", re.IGNORECASE)
SPLIT = re.compile(rf"\b({'|'.join(sorted(TRAIN | VALIDATION | TEST, key=len, reverse=True))})(?:\b|_)", re.IGNORECASE)
TRAINED = re.compile(r"\b(train|test|val|eval)\w*:\s*(\d+)\s*(?=\[)", re.IGNORECASE)  # timm: "Train: 3 [ 100/1251 …"
BAR = re.compile(r"\|\s*(?P<now>\d+)/(?P<all>\d+)\s*\[\d+:\d+")  # tqdm
OVERWRITTEN = re.compile(r"\d+m?s/step")  # Keras's bar: what stands last in an epoch is its mean
CODE = re.compile(
    r"^\s*(?:def|class|if|elif|else|for|while|return|import|from|assert|with|try|except|print)\b.*[:)]\s*$"
    r"|^\s+[\w.]+\s*(?::\s*\w+\s*)?=\s[^,]*$"
    r"|\{[^{}]*:[^{}]*\.\d+[fge]\}"
)  # some scripts print themselves before they train
SHORT = re.compile(r"^s:(\d+)\s", re.MULTILINE)  # llm.c: "s:100 trl:3.2 lr:0.0006 norm:0.3"
JUDGED = {"loss", "accuracy"}
LONGEST = 2000  # characters of a line that are looked at


def sniff(content: Content) -> bool:
    """Whether any line holds a loss, an accuracy or a rate."""
    return next(_lines(content), None) is not None


def read(content: Content) -> list[Trace]:
    """The runs that were printed one after the other."""
    plans: dict[str, float] = {}
    table = []
    for row, plan in _lines(content):
        table.append(row)
        plans |= plan
    has_measure = [bool(JUDGED & {meaning(name).role for name in row}) for row in table]
    table = table[has_measure.index(True) :] if any(has_measure) else table  # settings stand before the first loss
    facts = {"overwritten": True} if OVERWRITTEN.search(content.text) else {}
    return [_with_plan(trace, plans) for trace in rows.traces(table, FORMAT, content.source, facts)]


def _with_plan(trace: Trace, plans: dict[str, float]) -> Trace:
    """The trace with how many epochs, or else steps, were planned and reached."""
    epochs, steps = trace.column("epoch"), trace.column("step")
    epochs = epochs[np.isfinite(epochs)]
    if "epoch" in plans and len(epochs):
        plan = {"planned": plans["epoch"], "reached": float(epochs.max()), "unit": "epochs"}
    elif "step" in plans and trace.facts["clock"] == "step" and len(steps):
        plan = {"planned": plans["step"], "reached": float(steps[-1]), "unit": "steps"}
    else:
        return trace
    return replace(trace, facts={**trace.facts, **plan})


def _lines(content: Content) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    """The numbers of each line that holds a loss, an accuracy or a rate, with the epochs or steps that were planned."""
    counters: dict[str, float] = {}
    for line in content.lines:
        if not any(character.isdigit() for character in line) and "nan" not in line.lower():
            continue
        if CODE.search(line[:LONGEST]):
            continue
        text = PREFIX.sub("", ANSI.sub("", line[:LONGEST]), count=1)
        text = SHORT.sub(r"step \1 ", text)
        naked = NAKED.match(text)
        if naked:
            row = _naked(*naked.groups())
            if row:
                yield row, {}
            continue
        text, now, plan = _counted(text)
        if now.get("epoch", counters.get("epoch")) != counters.get("epoch"):
            counters = {}
        counters |= now
        row = _pairs(text)
        if row:
            yield {**counters, **row}, plan


def _naked(step: str, name: str, cell: str) -> dict[str, float]:
    """``250 val 6.1707``: a step, whose loss, and the loss."""
    value = number(cell)
    if value is None or name.lower() in ("epoch", "step", "of"):
        return {}
    whose = name.lower()
    return {"step": float(step), f"{whose}_loss" if whose in TRAIN | VALIDATION | TEST else whose: value}


def _counted(text: str) -> tuple[str, dict[str, float], dict[str, float]]:
    """The line without its counters, the counters, and how many epochs and steps were planned."""
    now: dict[str, float] = {}
    plan: dict[str, float] = {}

    def take(match: re.Match[str]) -> str:
        role = "epoch" if match["name"].lower().startswith(("ep", "ép")) else "step"
        if match["name"].lower() == "epochs" and not match["all"]:
            plan["epoch"] = float(match["now"].replace(",", ""))  # "Epochs: 30" among the settings
            return " | "
        now.setdefault(role, float(match["now"].replace(",", "")))
        if match["all"]:
            plan.setdefault(role, float(match["all"].replace(",", "")))
        return f" {match['whose'] or ''} | "

    def trained(match: re.Match[str]) -> str:
        now["epoch"] = float(match[2])
        return f"{match[1]} | "

    text = TRAINED.sub(trained, COUNTER.sub(take, text))
    for bracket in (BRACKET, BAR):
        for match in bracket.finditer(text):
            role = "step" if "epoch" in now or bracket is BAR else "epoch"
            if role not in now:
                now[role] = float(match["now"])
                plan[role] = float(match["all"])
        text = bracket.sub(" | ", text)
    return text, now, plan


def _pairs(text: str) -> dict[str, float]:
    row: dict[str, float] = {}
    for _, _, share in RATIO.findall(text):
        row[_whose(text, "accuracy")] = float(share) / 100.0
    if row:
        text = RATIO.sub(" | ", text)
    for match in PAIR.finditer(text):
        name = match["name"]
        what = meaning(name)
        if what.role == "other":
            short = name.split()[-1]
            what = meaning(short)
            name = short if what.role != "other" else name
        if what.role not in ("loss", "accuracy", "lr", "grad_norm"):
            continue
        value = number(match["number"].replace(",", ""))
        if value is None:
            continue
        if what.role in ("loss", "accuracy") and not what.split:
            name = _whose(text[: match.start()], name)
        row.setdefault(name, value / 100.0 if match["percent"] else value)
    return row


def _whose(before: str, name: str) -> str:
    """The name with train, val or test before it, where the line has said so last."""
    words = SPLIT.findall(before)
    return f"{words[-1].lower()}_{name}" if words else name
