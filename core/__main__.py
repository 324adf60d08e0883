"""The command line: python -m core list | show | run | code | watch | diagnose | store."""

from __future__ import annotations

import sys

if __name__ == "__main__" and sys.argv[1:2] == ["watch"]:  # first: nothing of ours may take a name that the script uses
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    alone = spec_from_file_location("_gradient_lab_alone", Path(__file__).resolve().parent / "recorder" / "alone.py")
    assert alone and alone.loader
    alone.loader.exec_module(loaded := module_from_spec(alone))
    sys.exit(loaded.watch(sys.argv[2:]))

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to say, Ctrl-C just ends it

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import core
from core import store_commands
from core.faults import HinderedError
from core.registry import unknown, value_text
from core.sweeps import assignments

if TYPE_CHECKING:
    from core.jobs.job import Job

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class Parser(argparse.ArgumentParser):
    """argparse, whose mistakes read like all our others."""

    def error(self, message: str) -> NoReturn:
        """One sentence and exit code 2."""
        raise ValueError(
            f"{message} (see python -m core {self.prog.split('core', 1)[-1].strip()} --help)".replace("  ", " ")
        )


def _parser() -> Parser:
    parser = Parser(prog="python -m core", description="Gradient Lab: see, measure and repair how gradients flow.")
    parser.add_argument("--version", action="version", version=f"Gradient Lab {core.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="experiments, and the parts of every registry").set_defaults(act=_list)
    show = commands.add_parser("show", help="an experiment's question, settings and columns")
    show.add_argument("experiment")
    show.set_defaults(act=_show)
    run = commands.add_parser("run", help="run a sweep: python -m core run vanishing depth=5,20 seeds=20 --out a.csv")
    run.add_argument("experiment")
    run.add_argument(
        "settings", nargs="*", metavar="name=value,...", help="seeds=20, depth=2:50:4, activation=tanh,relu"
    )
    store_commands.add_output(run)
    run.add_argument("--workers", type=int, help="worker processes (default: one per core)")
    run.add_argument(
        "--executor", default="local", metavar="local|inline|dask://HOST:PORT", help="where to compute (default: local)"
    )
    run.add_argument("--device", default="cpu", metavar="cpu|cuda", help="what to compute on (default: cpu)")
    run.add_argument("--fresh", action="store_true", help="compute again what the store holds")
    run.add_argument("--summary", nargs="?", const="settings", metavar="runs", help="the summary instead of the frame")
    run.add_argument("--dry-run", action="store_true", help="say what it would cost; compute nothing")
    run.add_argument("--yes", action="store_true", help="run even what seems too large for this machine")
    run.add_argument("--quiet", action="store_true", help="no progress on standard error")
    run.set_defaults(act=_run)
    code = commands.add_parser(
        "code", help="one run as a plain PyTorch script: python -m core code vanishing depth=5 seed=3 > run.py"
    )
    code.add_argument("experiment")
    code.add_argument("settings", nargs="*", metavar="name=value", help="one value each; seed=3 (default: 0)")
    code.set_defaults(act=_code)
    commands.add_parser(
        "watch", help="run a training script unchanged, record and diagnose it: watch train.py --epochs 3"
    )
    diagnose = commands.add_parser(
        "diagnose", help="findings for a frame, a recording or another tool's log: what is wrong, and what to change"
    )
    diagnose.add_argument(
        "files", nargs="+", metavar="file", help="a CSV or Parquet file that run wrote, logs, or recordings by name"
    )
    diagnose.add_argument("--run", metavar="N|all", help="which run of a log that holds several (default: the last)")
    diagnose.add_argument("--findings", metavar="FILE.json", help="write the findings as JSON as well")
    diagnose.set_defaults(act=_diagnose)
    store_commands.add(commands)
    store_commands.add_place(run)
    return parser


def _list(arguments: argparse.Namespace) -> None:
    print("Experiments")
    for name in core.NAMES:
        print(f"  {name:16}{core.experiment(name).question}")
    for title, registry in core.REGISTRIES.items():
        print(f"\n{title.capitalize()}")
        for entry in registry:
            print(f"  {_signature(entry):43} {entry.label}: {entry.source}")


def _signature(entry: Any) -> str:
    inner = ", ".join(
        f"{argument.name}={'' if argument.default is None else value_text(argument.default)}"
        for argument in entry.arguments
    )
    return f"{entry.name}({inner})" if inner else entry.name


def _show(arguments: argparse.Namespace) -> None:
    kind = core.experiment(arguments.experiment)
    print(f"{kind.title} ({kind.name}, version {kind.version})\n\n{kind.question}\n\n{kind.explanation}\n\nSettings")
    defaults = kind.settings.defaults()
    for name, limits in kind.settings.limits.items():
        column = core.COLUMNS[name]
        unit = f" [{column.unit}]" if column.unit else ""
        print(f"  {name:14}{limits.kind.__name__:7}default {defaults[name]!s:15}{column.meaning}{unit}")
        if not isinstance(limits, core.PartLimits):
            print(f"{'':23}{limits.allowed()}")
            continue
        for entry in limits.registry:
            print(f"{'':23}{_signature(entry)}")
            for argument in entry.arguments:
                print(f"{'':27}{argument.name}: {argument.meaning}; {argument.allowed()}")
    print(
        f"  {'seeds':14}{'int':7}default {1!s:15}how many seeds (20), a half-open range (3:7) or a list (3,5)\n\nColumns"
    )
    for name in kind.columns:
        column = core.COLUMNS[name]
        print(f"  {name:18}{column.dtype:9}{column.meaning}{f' [{column.unit}]' if column.unit else ''}")
    print("\nPresets")
    for preset in kind.presets:
        command = " ".join(f"{name}={value}" for name, value in preset.settings.items())
        print(f"  {preset.name}\n    {preset.note}\n    python -m core run {kind.name} {command}")


def _run(arguments: argparse.Namespace) -> None:
    from core import files, results, tables
    from core.jobs.estimates import too_large
    from core.jobs.executors import checked_device, pool

    if arguments.summary not in (None, "settings", "runs"):
        raise ValueError(unknown("choice of --summary", arguments.summary, ["runs"]))
    kind = core.experiment(arguments.experiment)
    sweep = kind.sweep(assignments(arguments.settings))
    pool(arguments.executor, arguments.workers)
    refusal = None if arguments.yes else too_large(sweep, arguments.workers)
    if refusal:
        raise ValueError(f"{refusal}; or run it all the same with --yes")
    target = None if arguments.out == "-" else files.check_output(arguments.out)
    checked_device(arguments.device)
    sweep.points  # noqa: B018  # an impossible combination is refused before anything is opened
    if not arguments.quiet:
        _say_tables(sweep)
    if arguments.dry_run:
        _say_cost(sweep, arguments)
        return

    def deliver(sweep: core.Sweep, store: core.Store) -> None:
        if not arguments.summary:
            files.deliver(results.pieces(sweep, store), target)
            return
        frame = tables.to_frame(core.stored_table(sweep, store))
        summary = core.summary(frame, arguments.summary == "runs")
        if target is None and sys.stdout.isatty():
            print(core.readable(summary, kind.settings.names()))
        else:
            files.deliver(files.one_piece(tables.from_frame(summary)), target)

    core.compute(
        sweep,
        workers=arguments.workers,
        executor=arguments.executor,
        device=arguments.device,
        store=arguments.store,
        fresh=arguments.fresh,
        watch=None if arguments.quiet else _Reporter(),
        take=deliver,
    )


def _say_tables(sweep: core.Sweep) -> None:
    """What became of each table of one's own, on standard error."""
    for text in sweep.axes.get("dataset", ()):
        for sentence in core.story(text):
            print(sentence, file=sys.stderr)


def _say_cost(sweep: core.Sweep, arguments: argparse.Namespace) -> None:
    """What the sweep would cost, of which runs the store holds some; a store that is not there is not made."""
    from core.store import Store, default_path

    in_store, speed = 0, 1.0
    if Path(arguments.store or default_path()).is_file():
        store = Store(arguments.store, arguments.device)
        try:
            in_store = 0 if arguments.fresh else store.count(sweep.ids)
            speed = core.measured_speed(sweep.experiment, store)
        finally:
            store.close()
    cost = core.estimate(sweep, arguments.workers, speed)
    there = f" ({in_store:,} of them in the store)" if in_store else ""
    seconds = core.START_SECONDS + cost.computing(in_store) if in_store < cost.runs else 1.0
    print(f"{cost.runs:,} runs{there}, {cost.rows:,} rows, about {_duration(seconds)}, about {cost.bytes / 1e9:.1f} GB")


class _Reporter:
    """Progress on standard error: one line that renews itself on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._last, self._said = 0.0, ""
        self._terminal = sys.stderr.isatty()

    def __call__(self, job: Job) -> None:
        progress, now = job.progress, time.monotonic()
        if job.running and now - self._last < (0.2 if self._terminal else 5.0):
            return
        self._last = now
        text = f"{progress.finished:,} of {progress.total:,} runs"
        if job.running and progress.seconds_left is not None:
            text += f", about {_duration(progress.seconds_left)} left"
        elif not job.running:
            text += f": {progress.stored:,} from the store, {progress.computed:,} computed in {progress.seconds:.1f} s"
            text += f"; {progress.damaged:,} damaged rows replaced" if progress.damaged else ""
        if text == self._said:
            return
        self._said = text
        end = "\r" if self._terminal and job.running else "\n"
        print(f"{text:79}" if self._terminal else text, end=end, file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _code(arguments: argparse.Namespace) -> None:
    from core import files

    kind = core.experiment(arguments.experiment)
    script = kind.code(kind.one_run(assignments(arguments.settings)))
    with files.whole_output() as sink:
        sink.write(script.encode())  # UTF-8 wherever it goes, as Python reads it


def _diagnose(arguments: argparse.Namespace) -> None:
    from core import files, traces
    from core.logs import command

    if arguments.findings is not None and Path(arguments.findings).suffix != ".json":
        raise ValueError(f"--findings: must end in .json, but got {arguments.findings}")
    if arguments.findings is not None and not Path(arguments.findings).parent.is_dir():
        raise ValueError(f"--findings: the folder {Path(arguments.findings).parent} does not exist")
    if len(arguments.files) > 1 or not command.is_frame(arguments.files[0]):
        command.diagnose(arguments.files, arguments.run, arguments.findings, traces.read)
        return
    frame = files.read(arguments.files[0])
    findings = core.findings(frame)
    if frame.empty:
        raise ValueError(f"{arguments.files[0]}: the table has no rows, so there is nothing to diagnose")
    for finding in findings:
        link = f" See it work: {finding.link}" if finding.link else ""
        print(f"{finding.severity}: {finding.message}\n  {finding.remedy}{link}")
    if not findings:
        print(f"No fault found: {core.experiment(core.experiment_of(frame)).healthy}.")
    if arguments.findings is not None:
        text = json.dumps([finding.as_dict() for finding in findings], indent=2, ensure_ascii=False)
        files.write(text.encode(), Path(arguments.findings))


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command; its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        arguments = _parser().parse_args(words)
        act: Callable[[argparse.Namespace], int | None] = arguments.act
        code = act(arguments) or DONE
        sys.stdout.flush()
        return code
    except ValueError as error:
        print(error, file=sys.stderr)
        return FAILED if isinstance(error, HinderedError) else BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted; finished runs are kept, the same command goes on from there", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains while it ends
        return DONE  # who reads has read enough
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"the output could not be written ({error.strerror})", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
