"""The exam of small scripts: the fault is named in the faulty ones, nothing is said of the sound ones."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = 10


def exam(arguments: list[str], tmp_path: Path) -> list[dict[str, object]]:
    """The rows of the exam, sat in a process of its own: pytest's has threads, which do not survive a fork."""
    out = tmp_path / "rows.json"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GRADIENT_LAB_STRICT": "1"}
    command = [sys.executable, "-m", "tests.recorder.exam", "--json", str(out), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    rows: list[dict[str, object]] = json.loads(out.read_text(encoding="utf-8"))
    return rows


@pytest.mark.slow
def test_a_sample_of_the_exam_is_passed_and_leaves_outputs_as_they_are(tmp_path):
    from tests.recorder.exam.__main__ import PAIRS, SOUND

    names = random.Random(13).sample(sorted(PAIRS), SAMPLE // 2) + random.Random(13).sample(sorted(SOUND), SAMPLE // 2)
    rows = exam(["--plain", *names], tmp_path)
    assert [row["name"] for row in rows if not row["right"] or row["mishap"] or not row["equal"]] == []


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_whole_exam(seed, tmp_path):
    rows = exam(["--part", "all", "--plain", "--seed", str(seed)], tmp_path)
    faulty, sound = [row for row in rows if row["faulty"]], [row for row in rows if not row["faulty"]]
    assert sum(bool(row["right"]) for row in faulty) >= 0.9 * len(faulty)
    assert sum(not row["right"] for row in sound) <= 0.02 * len(sound)
    assert [row["name"] for row in rows if row["mishap"] or not row["equal"]] == []
