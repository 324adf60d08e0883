"""One thread, as in the lab's own workers: results and run times then do not depend on what else runs."""

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("lab", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("lab")
FIRST = ("journeys", "pages", "recorder")  # folders of tests


@pytest.fixture(autouse=True, scope="module")
def _nobodys_store(tmp_path_factory):
    """No test reads what the developer's own lab has kept, such as baselines that were measured there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIENT_LAB_STORE", str(tmp_path_factory.mktemp("store") / "results.sqlite"))
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whole servers, pages and commands first, so that no worker ends alone with them; minutes only if ``-m`` names them."""
    items.sort(key=lambda item: item.path.parent.name not in FIRST)
    if "long" in (config.getoption("-m") or ""):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
