"""What every entry of every registry keeps to. A new entry is tested as soon as it is written."""

import subprocess
import sys

import numpy as np
import pytest

from core.parts import REGISTRIES
from core.registry import Argument, brief, value_text

ENTRIES = [(kind, entry.name) for kind, registry in REGISTRIES.items() for entry in registry]
ARGUMENTS = [
    (kind, entry.name, argument.name)
    for kind, registry in REGISTRIES.items()
    for entry in registry
    for argument in entry.arguments
]
FLOATS = [
    place
    for place in ARGUMENTS
    if next(found.kind for found in REGISTRIES[place[0]][place[1]].arguments if found.name == place[2]) is float
]
FORMS = [(entry.name, depth) for entry in REGISTRIES["residuals"] for depth in (1, 2, 6) if depth % entry.block == 0]


def looked_up(kind, name, argument):
    return next(found for found in REGISTRIES[kind][name].arguments if found.name == argument)


def refusal(kind, text):
    with pytest.raises(ValueError) as caught:
        REGISTRIES[kind].parse(text)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def allowed_values(argument: Argument):
    """Two values other than the default, or one where there is no more."""
    if argument.kind is bool:
        return [not argument.default]
    if argument.kind is str and not argument.choices:
        return ["houses.csv", "a, (b) [c]", """'it''s' "so" """, "=a=b"]
    if argument.kind is str:
        return [choice for choice in argument.choices if choice != argument.default]
    if argument.kind is tuple:
        return [(10, 20), (int(argument.maximum),)]
    low = argument.minimum if argument.minimum is not None else argument.above
    high = argument.maximum if argument.maximum is not None else 0.99 * argument.below
    values = {low + share * (high - low) for share in (0.25, 1.0)}
    return [argument.kind(value) for value in values if argument.kind(value) != argument.default]


def with_argument(kind, name, argument, value):
    """The part with this argument; where that needs others (Nesterov needs momentum), with all of them."""
    try:
        return REGISTRIES[kind].parse(f"{name}({argument}={value_text(value)})")
    except ValueError as error:
        assert "needs" in str(error)
    others = [found for found in REGISTRIES[kind][name].arguments if found.name != argument]
    written = [
        f"{argument}={value_text(value)}",
        *(f"{found.name}={value_text(allowed_values(found)[0])}" for found in others),
    ]
    return REGISTRIES[kind].parse(f"{name}({', '.join(written)})")


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_is_written_by_its_bare_name(kind, name):
    part = REGISTRIES[kind].parse(name)
    assert part.entry.name == name
    assert str(part) == str(REGISTRIES[kind].parse(f"  {name}()  ")) == name


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_has_a_label_and_a_source(kind, name):
    entry = REGISTRIES[kind][name]
    assert entry.label.strip()
    assert entry.source.strip()
    assert name == name.lower()
    assert name.isidentifier()
    assert all(argument.meaning.strip() and argument.name.isidentifier() for argument in entry.arguments)


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_drops_arguments_equal_to_their_default(kind, name):
    arguments = [found for found in REGISTRIES[kind][name].arguments if found.default is not None]
    written = ", ".join(f"{argument.name}={value_text(argument.default)}" for argument in arguments)
    assert str(REGISTRIES[kind].parse(f"{name}({written})")) == name


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_writes_its_arguments_in_declared_order(kind, name):
    arguments = REGISTRIES[kind][name].arguments
    written = [f"{argument.name}={value_text(allowed_values(argument)[0])}" for argument in arguments]
    part = REGISTRIES[kind].parse(f"{name}({','.join(reversed(written))})")
    assert str(part) == (f"{name}({', '.join(written)})" if arguments else name)


@pytest.mark.parametrize(("kind", "name", "argument"), ARGUMENTS)
def test_canonical_text_reads_back_as_itself(kind, name, argument):
    for value in allowed_values(looked_up(kind, name, argument)):
        part = with_argument(kind, name, argument, value)
        assert part.arguments[argument] == value
        again = REGISTRIES[kind].parse(str(part))
        assert again.arguments == part.arguments
        assert str(again) == str(part)


@pytest.mark.parametrize(("kind", "name", "argument"), FLOATS)
def test_one_value_has_one_canonical_text(kind, name, argument):
    spellings = {"0.5": ["0.50", "5e-1", "+.5"], "0.0": ["0", "-0", "-0.0", "0e5"], "1.0": ["1", "01", "1e0"]}
    for value, others in spellings.items():
        try:
            written = str(REGISTRIES[kind].parse(f"{name}({argument}={value})"))
        except ValueError:
            continue
        assert {str(REGISTRIES[kind].parse(f"{name}({argument}={other})")) for other in others} == {written}


@pytest.mark.parametrize(("kind", "name", "argument"), ARGUMENTS)
def test_every_default_is_allowed(kind, name, argument):
    found = looked_up(kind, name, argument)
    assert found.default is None or found.value(value_text(found.default)) == found.default


@pytest.mark.parametrize(("kind", "name", "argument"), ARGUMENTS)
def test_every_argument_is_refused_outside_its_range_in_a_sentence(kind, name, argument):
    found = looked_up(kind, name, argument)
    wrong = ["", "nan", "inf", "-inf", "1e999", "abc", "None", "1 2", "--1"]
    if found.kind is bool:
        wrong += ["2", "yes"]
    elif found.kind is str and not found.choices:
        wrong = ["", "1 2", "a(b", "a]", 'a"b', '"a', "'a", "it's", '""', "a,b".replace(",", "[,")]
    elif found.kind is str:
        wrong += ["2", found.choices[0] + "x", found.choices[0] + '"', f'"{found.choices[0]}']
    else:
        most = found.maximum if found.maximum is not None else found.below
        assert most is not None, "an argument without a maximum overflows somewhere"
        wrong += [f"{most * 2 + 1:g}", "-1", "1" + "0" * 400, "True"]
        wrong += [str(bound) for bound in (found.above, found.below) if bound is not None]
    if found.kind in (int, tuple):
        wrong += ["1.5", "1e3"]
    for text in wrong:
        sentence = refusal(kind, f"{name}({argument}={text})")
        assert sentence.startswith(f"{name}: {argument} must be {found.allowed()}, but got ")
        assert f"but got {brief(text) or 'nothing'}" in sentence


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_refuses_an_unknown_argument(kind, name):
    sentence = refusal(kind, f"{name}(flavour=1)")
    assert "'flavour'" in sentence
    assert name in sentence
    assert all(argument.name in sentence for argument in REGISTRIES[kind][name].arguments)


@pytest.mark.parametrize(("kind", "name", "argument"), ARGUMENTS)
def test_every_entry_refuses_an_argument_given_twice_or_without_its_name(kind, name, argument):
    value = value_text(allowed_values(looked_up(kind, name, argument))[0])
    assert "given twice" in refusal(kind, f"{name}({argument}={value}, {argument}={value})")
    assert "arguments are written as in" in refusal(kind, f"{name}({value})")


@pytest.mark.parametrize("kind", REGISTRIES)
def test_an_unknown_name_gets_the_nearest_and_all_known_ones(kind):
    registry = REGISTRIES[kind]
    for entry in registry:
        sentence = refusal(kind, entry.name + "x")
        assert f"'{entry.name}x'" in sentence
        assert "did you mean" in sentence
        assert sentence.endswith("Known: " + ", ".join(other.name for other in registry))


@pytest.mark.parametrize("kind", REGISTRIES)
@pytest.mark.parametrize("text", ["", " ", "()", "a b", "tanh(", "tanh)", "(tanh)", "tanh)(", "tanh()()", "a=1", ","])
def test_text_that_is_no_part_is_refused_in_a_sentence(kind, text):
    assert refusal(kind, text)


def test_every_registry_lists_the_lessons_entry_first():
    first = {kind: next(iter(registry)).name for kind, registry in REGISTRIES.items()}
    assert first == {
        "activations": "tanh",
        "inits": "torch_default",
        "norms": "none",
        "residuals": "none",
        "datasets": "gaussian",
        "optimizers": "adam",
        "schedulers": "plateau",
        "models": "mlp",
        "clippers": "norm",
        "remedies": "plain",
        "mistakes": "none",
    }


LIGHT = ["core", "core.registry", "core.settings", "core.frames", "core.parts", "core.theory.mean_field"]
LIGHT += ["core.experiments.vanishing", "core.engine.stacks", "core.tables", "core.results"]


def test_reading_parts_settings_and_theory_loads_no_torch():
    code = f"import sys; import {', '.join(LIGHT)}; from core.parts import REGISTRIES\n"
    code += "for registry in REGISTRIES.values():\n    [registry.parse(entry.name) for entry in registry]\n"
    code += "print([name for name in ('torch', 'streamlit', 'sklearn', 'scipy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("name", "depth"), FORMS)
def test_every_residual_has_a_form_for_every_layer(name, depth):
    part = REGISTRIES["residuals"].parse(name)
    forms = part.entry.layers(depth, "none", True, **part.arguments)
    assert len(forms) == depth
    assert all(0 <= form.before <= layer for layer, form in enumerate(forms, start=1))


def test_the_first_skip_is_left_out_where_the_widths_differ():
    part = REGISTRIES["residuals"].parse("identity(scale=0.5)")
    scales = [form.scale for form in part.entry.layers(3, "none", False, **part.arguments)]
    np.testing.assert_array_equal(scales, [0.0, 0.5, 0.5])
