"""What is read of the processor, and what stands in for it."""

import pytest

from core.parts.processor import USUAL_CACHE, second_level_cache


@pytest.mark.parametrize(
    ("texts", "size"),
    [
        ([("1", "32K"), ("2", "1024K"), ("3", "32768K")], 1024 * 1024),
        ([("1", "32K"), ("3", "32768K")], USUAL_CACHE),
        ([("2", "a lot")], USUAL_CACHE),
        ([("2", "manyK")], USUAL_CACHE),
        ([], USUAL_CACHE),
    ],
)
def test_the_second_level_cache_is_read_or_the_usual_one_is_taken(texts, size, tmp_path):
    for number, (level, text) in enumerate(texts):
        folder = tmp_path / f"index{number}"
        folder.mkdir()
        (folder / "level").write_text(level + "\n")
        (folder / "size").write_text(text + "\n")
    assert second_level_cache(str(tmp_path)) == size


def test_without_the_folder_the_usual_one_is_taken(tmp_path):
    assert second_level_cache(str(tmp_path / "nowhere")) == USUAL_CACHE
