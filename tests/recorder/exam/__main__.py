"""Sits the exam: python -m tests.recorder.exam [--part learn|aside|all] [--seed N] [--plain] [--steps N] [NAME …].

Scripts run in forks of one process that has loaded torch, each through the launcher as a user would.
"""

from __future__ import annotations

import argparse
import atexit
import hashlib
import importlib
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.recorder.exam import examples, fits, loops, signals, sound, variants, wiring  # noqa: E402
from tests.recorder.exam.preludes import PRELUDES  # noqa: E402

PAIRS = {**wiring.CASES, **loops.CASES, **fits.CASES, **signals.CASES, **variants.CASES}
SOUND = {**sound.CASES, **variants.SOUND, **examples.SOUND}
SECONDS = 60
CRASHING = ("labels_from_one", "one_cycle_runs_out")  # their fault ends them with a traceback of their own


def aside(name: str) -> bool:
    """Whether it belongs to the third that is kept aside."""
    return hashlib.sha256(name.encode()).digest()[0] % 3 == 0


def text(source: str, faulty: bool, seed: int) -> str:
    """The script: its head, the lines of the faulty or the mended one."""
    head, _, body = source.lstrip().partition("\n")
    keep, drop = ("#-", "#+") if faulty else ("#+", "#-")
    lines = [
        line.rstrip().removesuffix(keep).rstrip() for line in body.splitlines() if not line.rstrip().endswith(drop)
    ]
    return PRELUDES[head].replace("SEED", str(seed)) + "\n".join(lines) + "\n"


def run(script: str, watched: bool, folder: Path, seconds: int = SECONDS, steps: int = 0) -> dict[str, object]:
    """Runs it in a fork: exit code, standard output, and when watched its findings."""
    (folder / "train.py").write_text(script, encoding="utf-8")
    findings = folder / "findings.json"
    findings.unlink(missing_ok=True)
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        _child(watched, folder, seconds, steps)
    _, status = os.waitpid(child, 0)
    found = json.loads(findings.read_text(encoding="utf-8")) if findings.exists() else None
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": (folder / "out").read_text(encoding="utf-8"),
        "err": (folder / "err").read_text(encoding="utf-8"),
        "found": found,
        "seconds": time.perf_counter() - started,
    }


def _child(watched: bool, folder: Path, seconds: int, steps: int) -> None:
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    sys.__stderr__ = sys.stderr
    atexit._clear()
    import signal

    signal.alarm(seconds)
    if steps:
        _end_after(steps)
    code = 1
    try:
        if watched:
            sys.argv = ["core", "watch", "--findings", "findings.json", "train.py"]
            from core.recorder import alone

            code = alone.watch(sys.argv[2:])
        else:
            from core.recorder import script as runner

            code = runner.exit_code(runner.script_runner("train.py", []))
        atexit._run_exitfuncs()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 0xFF)


def _end_after(steps: int) -> None:
    """Ends the script when its optimizers have stepped so often: what is told by then?"""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    done = itertools.count(1)

    def count(*_: object) -> None:
        if next(done) >= steps:
            sys.exit(0)

    register_optimizer_step_post_hook(count)


def verdict(result: dict[str, object]) -> list[str]:
    """The codes that lead."""
    found = result["found"]
    assert isinstance(found, list), result["err"]
    return [finding["code"] for finding in found if finding["severity"] != "info"]


def sit(names: list[str], seed: int, plain: bool, steps: int = 0) -> list[dict[str, Any]]:
    """One row per script: name, part, what it is, accepted codes, codes told, whether right, whether bit-equal."""
    rows = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name in names:
            accepted, source = PAIRS[name] if name in PAIRS else ("", SOUND[name])
            for faulty in (True, False) if name in PAIRS else (False,):
                script = text(source, faulty, seed)
                result = run(script, True, folder, steps=steps)
                told = verdict(result)
                hits = len(set(told) & set(accepted.split()))
                right = hits > 0 if faulty else not told
                row: dict[str, Any] = {
                    "name": name,
                    "faulty": faulty,
                    "aside": aside(name),
                    "told": told,
                    "accepted": hits,
                    "right": right and len(told) <= 3,
                }
                row["mishap"] = "Traceback" in str(result["err"]) and not (faulty and name in CRASHING)
                if plain:
                    other = run(script, False, folder)
                    row["equal"] = other["out"] == result["out"] and other["code"] == result["code"]
                row["seconds"] = result["seconds"]
                rows.append(row)
                if not steps and (not row["right"] or row["mishap"] or row.get("equal") is False):
                    kind = "faulty" if faulty else "sound"
                    print(
                        f"{name} ({kind}{', aside' if row['aside'] else ''}): told {told}, accepted {accepted or 'none'}; code {result['code']}"
                    )
                    if row["mishap"] or not plain:
                        print("   ", str(result["err"])[-1500:].replace("\n", "\n    "))
    return rows


def tally(rows: list[dict[str, Any]]) -> str:
    """Right and false alarms of each part."""
    lines = []
    for part, of in (("two thirds", False), ("third kept aside", True)):
        faulty = [row for row in rows if row["faulty"] and row["aside"] is of]
        fine = [row for row in rows if not row["faulty"] and row["aside"] is of]
        lines.append(
            f"{part}: {sum(bool(row['right']) for row in faulty)} of {len(faulty)} faulty right, "
            f"{sum(not row['right'] for row in fine)} false alarms on {len(fine)} sound; of {sum(len(row['told']) for row in faulty)} "
            f"codes told of faulty ones {sum(row['accepted'] for row in faulty)} are accepted"
        )
    equal = [row for row in rows if "equal" in row]
    if equal:
        lines.append(f"standard output equal in {sum(bool(row['equal']) for row in equal)} of {len(equal)}")
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--part", default="learn", choices=["learn", "aside", "all"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--json", default="")
    parser.add_argument("--steps", type=int, default=0, help="end every script after so many optimizer steps")
    given = parser.parse_args()
    names = given.names or [n for n in (*PAIRS, *SOUND) if given.part == "all" or aside(n) == (given.part == "aside")]
    for heavy in ("torch", "torch._dynamo", "torch.utils.data", "torch.optim"):
        importlib.import_module(heavy)
    rows = sit(names, given.seed, given.plain, given.steps)
    print(tally(rows))
    if given.json:
        Path(given.json).write_text(json.dumps(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
