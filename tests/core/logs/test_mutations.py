from __future__ import annotations

import random
import re

import pytest

from core import logs
from core.diagnosis.judge import judge
from core.logs.command import heading, sentences
from core.logs.content import Content

from . import made

WRONG = [b'"x"', b"null", b"NaN", b"[]", b"{}", b"true", b"1e999", b"-Infinity", b""]


def cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(1, len(data))]


def beheaded(data: bytes, draw: random.Random) -> bytes:
    return data[draw.randrange(1, len(data)) :]


def doubled(data: bytes, draw: random.Random) -> bytes:
    return data + data


def recoded(data: bytes, draw: random.Random) -> bytes:
    return data.decode("latin-1").encode(draw.choice(["utf-16", "utf-16-be", "utf-8-sig", "gb18030"]), errors="replace")


def mixed(data: bytes, draw: random.Random) -> bytes:
    lines = data.splitlines(True) + made.FORMATS[draw.choice(sorted(made.FORMATS))].splitlines(True)
    draw.shuffle(lines)
    return b"".join(lines)


def mistyped(data: bytes, draw: random.Random) -> bytes:
    return re.sub(rb"\d+\.\d+", lambda found: draw.choice([found.group(), *WRONG]), data)


def noisy(data: bytes, draw: random.Random) -> bytes:
    noise = bytearray(data)
    for _ in range(max(1, len(noise) // 100)):
        noise[draw.randrange(len(noise))] = draw.randrange(256)
    return bytes(noise)


MUTATIONS = (cut, beheaded, doubled, recoded, mixed, mistyped, noisy)


@pytest.mark.parametrize("seed", range(84))
def test_a_spoiled_log_gives_a_sentence_or_a_verdict(seed):
    draw = random.Random(seed)
    name = draw.choice(sorted(made.FORMATS))
    data = MUTATIONS[seed % len(MUTATIONS)](made.FORMATS[name], draw)
    if seed % 3 == 0:
        data = draw.choice(MUTATIONS)(data, draw)
    try:
        traces = logs.read_content(Content(data, "spoiled"))
    except ValueError as error:
        assert str(error).startswith("spoiled: ")
        assert "\n" not in str(error)
        return
    assert traces
    for trace in traces:
        findings = judge(trace)
        assert all(finding.message for finding in findings)
        assert heading("spoiled", traces, [trace])
        assert sentences(trace, findings, False)
