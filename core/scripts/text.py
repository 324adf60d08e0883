"""Scripts put together from pieces of source."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Mapping

from core.registry import split_values
from core.settings import Run

WIDTH = 100  # columns of running text
IMPORT = re.compile(r"^ *(import [\w.]+(?: as \w+)?|from [\w.]+ import [\w, ]+)\n", re.MULTILINE)


def script(title: str, constants: Mapping[str, object], *pieces: str) -> str:
    """The pieces as one script: docstring, the imports of all pieces, those constants that are used, the pieces."""
    body = "\n\n\n".join(piece.strip() for piece in pieces) + "\n"
    imports = {line[1] for line in IMPORT.finditer(body)}
    body = re.sub(r"\n{4,}", "\n\n\n", IMPORT.sub("", body))
    used = [f"{name} = {value!r}" for name, value in constants.items() if re.search(rf"\b{name}\b", body)]
    docstring = title.replace("\\", r"\\").replace('"""', r"\"\"\"")  # a user's words may stand in it
    return f'"""{docstring}"""\n\n' + "\n\n".join([*_groups(imports), "\n".join(used)]) + f"\n\n\n{body}"


def _groups(imports: set[str]) -> list[str]:
    """Imports of the standard library, then those of others, each sorted."""
    ours = {line for line in imports if line.split()[1].split(".")[0] in sys.stdlib_module_names}
    ordered = (sorted(group, key=lambda line: (line.startswith("from"), line)) for group in (ours, imports - ours))
    return ["\n".join(group) for group in ordered if group]


def title(question: str, run: Run, printed: str) -> str:
    """A script's docstring: the question, the run's settings, what the script prints. The seed is a constant."""
    settings = " ".join(f"{name}={value}" for name, value in run.settings.values().items())
    about = f"One run of Gradient Lab's experiment {run.experiment}, in plain PyTorch: {settings}."
    return f"{question}\n\n{_filled(about)}\n{_filled(printed)}\n"


def columns(names: tuple[str, ...]) -> str:
    """COLUMNS, and ``write(row)``, which prints a dict as a line of CSV."""
    return f'''
import math
COLUMNS = """
{_filled(" ".join(names))}
""".split()


def write(row):
    """Prints one line of CSV. What the row lacks, or is not a number, stays empty."""
    cells = (row.get(name, math.nan) for name in COLUMNS)
    print(*("" if cell != cell else str(cell).lower() for cell in cells), sep=",")
'''


def _filled(words: str) -> str:
    return textwrap.fill(words, WIDTH, break_long_words=False, break_on_hyphens=False)


def wrapped(expression: str, level: int = 0) -> str:
    """The source of a call or a list, an item a line where one line would be too long."""
    opening = re.search(r"[(\[]", expression)
    if len(expression) + 4 * level < WIDTH or opening is None:
        return expression
    head, inner, closing = expression[: opening.end()], expression[opening.end() : -1], expression[-1]
    items = (f"{'    ' * (level + 1)}{wrapped(item, level + 1)},\n" for item in split_values(inner))
    return f"{head}\n{''.join(items)}{'    ' * level}{closing}"


def indented(lines: str, levels: int) -> str:
    """The lines, moved in by so many levels."""
    return textwrap.indent(lines, "    " * levels)


def cast(dtype: str) -> str:
    """What follows a float32 tensor to make it the run's dtype."""
    return ".double()" if dtype == "float64" else ""
