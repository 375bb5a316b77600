import pytest

from tests.security.open_flow import an_open_flow
from tests.security.scene import Scene, a_scene


@pytest.fixture
def scene(db: None, monkeypatch: pytest.MonkeyPatch, settings, tmp_path) -> Scene:
    """A victim, and a flow that would say everything it is given."""
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr("retrieval.api.queries.components", an_open_flow)
    for door in ("retrieval.api.documents", "retrieval.api.uploads"):
        monkeypatch.setattr(f"{door}.dispatch_ingestion", lambda *ids: None)
    return a_scene()
