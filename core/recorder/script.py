"""Runs a script or module as Python itself would: its ``__main__``, arguments, path, tracebacks and exit code."""

from __future__ import annotations

import builtins
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import runpy
import sys
import tokenize
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

OURS = str(Path(__file__).resolve().parent)
INTERRUPTED_BY_KEYBOARD = -2  # what the shell calls 130


def script_code(path: str) -> CodeType:
    """The compiled script; ValueError with a sentence where there is none that Python could run."""
    if Path(path).is_dir():
        main = Path(path, "__main__.py")
        if not main.is_file():
            raise ValueError(f"watch: {path} is a folder without __main__.py; name a Python script")
        path = str(main)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise ValueError(f"watch: there is no script {path}") from None
    except OSError as error:
        raise ValueError(f"watch: {path} can't be read ({error.strerror})") from None
    if b"\0" in data:
        raise ValueError(f"watch: {path} is not a Python script, but a binary file")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(f"watch: {path} is not a Python script ({error})") from None
    return compile(data, path if Path(path).is_absolute() else str(Path.cwd() / path), "exec", dont_inherit=True)


def script_runner(path: str, arguments: Sequence[str]) -> Callable[[], None]:
    """Runs the script when called; ValueError now where there is no such script. SyntaxError is the script's own."""
    folder = Path(path).is_dir()

    def run() -> None:
        absolute = os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118  # as Python: neither resolved nor tidied
        sys.argv[:] = [path, *arguments]
        _first_on_path(path if folder else os.path.dirname(os.path.realpath(path)))  # noqa: PTH120
        code = script_code(path)
        if folder:
            absolute = os.path.join(path, "__main__.py")  # noqa: PTH118
        main = _new_main()
        main.__dict__.update(__file__=absolute, __cached__=None)
        loader = importlib.machinery.SourceFileLoader("__main__", absolute)
        main.__dict__.update(__loader__=loader, __package__="" if folder else None)
        exec(code, main.__dict__)  # what watch is for

    if not Path(path).exists():
        raise ValueError(f"watch: there is no script {path}")
    with contextlib.suppress(SyntaxError):  # told by Python itself, when the script is run
        script_code(path)
    return run


def module_runner(name: str, arguments: Sequence[str]) -> Callable[[], None]:
    """Runs the module as ``python -m`` does when called; ValueError now where there is no such module."""

    def run() -> None:
        sys.argv[:] = [name, *arguments]
        _new_main()
        # as Python itself does for -m; there is no public function that keeps __main__
        runpy._run_module_as_main(name, alter_argv=True)  # type: ignore[attr-defined]

    sys.argv[:] = ["-m", *arguments]
    _first_on_path(os.getcwd())  # noqa: PTH109
    if not _module_exists(name):
        raise ValueError(f"watch: there is no module {name}")
    return run


def _module_exists(name: str) -> bool:
    """Whether there is such a module, without importing the packages around it: that is the script's own first act."""
    place: Sequence[str] | None = None
    first, *rest = name.split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        return False
    spec = importlib.util.find_spec(first)
    for end in range(2, len(rest) + 2):
        place = spec.submodule_search_locations if spec is not None else None
        if place is None:
            return False
        spec = importlib.machinery.PathFinder.find_spec(".".join((first, *rest)[:end]).rsplit(".", 1)[-1], list(place))
    return spec is not None


def _first_on_path(folder: str) -> None:
    """``sys.path[0]`` is the script's, not ours."""
    if sys.flags.safe_path:
        return
    sys.path[0] = folder


def _new_main() -> ModuleType:
    main = ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __annotations__={}, __spec__=None)
    sys.modules["__main__"] = main
    return main


def exit_code(run: Callable[[], None]) -> int:
    """Runs it; the code that Python would exit with. An uncaught exception is shown as Python shows it."""
    try:
        run()
    except SystemExit as leave:
        return _code_of(leave)
    except BaseException as error:
        show(error)
        return INTERRUPTED_BY_KEYBOARD if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _code_of(leave: SystemExit) -> int:
    if leave.code is None:
        return 0
    if isinstance(leave.code, int):
        return leave.code & 0xFF
    print(leave.code, file=sys.stderr)
    return 1


def show(error: BaseException) -> None:
    """Hands an uncaught exception to ``sys.excepthook`` without the frames of ours."""
    links: list[BaseException] = [error]
    for link in links:
        link.__traceback__ = _without_ours(link.__traceback__)
        links += [other for other in (link.__cause__, link.__context__) if other is not None and other not in links]
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except SystemExit:
        raise
    except BaseException:
        sys.__excepthook__(type(error), error, error.__traceback__)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    frames = []
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith((OURS, "<frozen runpy>")):
            frames.append(trace)
        trace = trace.tb_next
    for above, below in zip(frames, [*frames[1:], None], strict=True):
        above.tb_next = below
    return frames[0] if frames else None
