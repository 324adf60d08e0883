from __future__ import annotations

import json

import pytest

from core.logs import command

from . import made


def written(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


def test_a_sound_log_is_said_to_be_so_and_what_was_read(tmp_path, capsys):
    command.diagnose([written(tmp_path, "a.jsonl", made.FORMATS["llama_factory"])])
    out = capsys.readouterr().out
    assert "LLaMA-Factory trainer_log.jsonl; 24 rows, steps 5 to 120; learning rate yes" in out
    assert "No fault found: the loss is finite to the end" in out


def test_findings_are_written_with_their_file_and_run(tmp_path, capsys):
    header, *lines = made.keras().splitlines()
    bad = [line.replace(line.split(",")[3], "nan") for line in lines]
    path = written(tmp_path, "a.csv", "\n".join([header, *bad, *lines[:3], *bad]))
    command.diagnose([path], "all", str(tmp_path / "f.json"))
    found = json.loads((tmp_path / "f.json").read_text())
    assert set(found[0]) == {"code", "severity", "message", "evidence", "remedy", "link", "file", "run"}
    assert [(f["code"], f["run"]) for f in found] == [("diverged", "1"), ("diverged", "3")]
    assert {f["file"] for f in found} == {path}
    capsys.readouterr()
    command.diagnose([path], "2")
    out = capsys.readouterr().out
    assert "3 runs one after the other" in out
    assert "--run 3" in out
    assert "error" not in out


def test_several_logs_are_judged_one_after_the_other(tmp_path, capsys):
    paths = [written(tmp_path, name, made.FORMATS[name]) for name in ("lightning", "wandb")]
    command.diagnose(paths)
    out = capsys.readouterr().out
    assert out.index("Lightning metrics.csv") < out.index("W&B summary")


def test_a_log_without_a_loss_has_nothing_to_judge(tmp_path, capsys):
    command.diagnose([written(tmp_path, "a.csv", "epoch,lr\n1,0.1\n2,0.1\n")], None, str(tmp_path / "f.json"))
    assert "No fault found" not in capsys.readouterr().out
    assert [f["code"] for f in json.loads((tmp_path / "f.json").read_text())] == ["nothing_to_judge"]


@pytest.mark.parametrize(
    "data", [b"", b"Dear reader,\nhello.", b"\x00\x01\x02" * 99, b'{"log_history": 3}', b'{"log_history": [']
)
def test_what_cannot_be_read_is_a_sentence_and_nothing_is_written(tmp_path, capsys, data):
    paths = [written(tmp_path, "good.csv", made.keras()), written(tmp_path, "bad", data)]
    with pytest.raises(ValueError, match="bad: "):
        command.diagnose(paths, None, str(tmp_path / "f.json"))
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "f.json").exists()


@pytest.mark.parametrize("run", ["0", "2", "x", "-1"])
def test_a_run_that_is_not_there_is_named(tmp_path, run):
    with pytest.raises(ValueError, match="--run: must be all or 1 to 1"):
        command.diagnose([written(tmp_path, "a.csv", made.keras())], run)
