"""The README's tables are the registries' and the frames' own words. ``python -m tests.test_readme`` writes them."""

from pathlib import Path

import core

README = Path(__file__).parents[1] / "README.md"


def parts_table() -> str:
    lines = ["| registry | part | what it is | source |", "| --- | --- | --- | --- |"]
    for title, registry in core.REGISTRIES.items():
        for entry in registry:
            inner = ", ".join(f"{argument.name}=" for argument in entry.arguments)
            name = f"{entry.name}({inner})" if inner else entry.name
            lines.append(f"| {title} | `{name}` | {entry.label} | {entry.source.replace('|', '/')} |")
    return "\n".join(lines)


def columns_table() -> str:
    lines = ["| column | type | unit | meaning |", "| --- | --- | --- | --- |"]
    for name in core.experiment("vanishing").columns:
        column = core.COLUMNS[name]
        lines.append(f"| `{name}` | {column.dtype} | {column.unit} | {column.meaning} |")
    return "\n".join(lines)


def with_tables(text: str) -> str:
    for name, table in (("parts", parts_table()), ("columns", columns_table())):
        start = text.index("-->\n", text.index(f"<!-- {name}")) + len("-->\n")
        stop = text.index(f"<!-- end of {name} -->")
        text = text[:start] + table + "\n" + text[stop:]
    return text


def test_the_readme_lists_every_part_and_column():
    text = README.read_text()
    assert with_tables(text) == text, "run python -m tests.test_readme"


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
