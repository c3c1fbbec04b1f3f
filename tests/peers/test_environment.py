"""The peers' environments: refused when loose, rebuilt when changed, and failures that say what failed."""

from __future__ import annotations

import pytest

from tests.peers import environment
from tests.peers.environment import PeerError, peer_or_skip, peer_python, run_peer


@pytest.fixture
def peers(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "PEERS", tmp_path / "peers")
    return tmp_path / "peers"


@pytest.mark.parametrize("requirement", ["shap", "shap>=0.5", "shap==0.51.0 --index-url x", "./shap"])
def test_a_loose_requirement_is_refused(peers, requirement):
    with pytest.raises(PeerError, match="not pinned"):
        peer_python("toy", [requirement])


def test_a_name_that_leads_elsewhere_is_refused(peers):
    with pytest.raises(PeerError, match="not a name"):
        peer_python("../toy", [])


def test_an_environment_is_built_once_and_without_the_project(peers, tmp_path):
    python = peer_python("toy", [])
    built = (peers / "toy" / ".installed").stat().st_mtime_ns
    assert peer_python("toy", []) == python
    assert (peers / "toy" / ".installed").stat().st_mtime_ns == built
    script = tmp_path / "paths.py"
    script.write_text("import sys, importlib.util as u\nprint(sys.prefix, u.find_spec('numpy'))")
    assert run_peer(python, script).split() == [str(peers / "toy"), "None"]


def test_a_build_that_failed_leaves_no_stamp(peers, monkeypatch):
    monkeypatch.setattr(environment, "_run", _fails)
    with pytest.raises(PeerError, match="creating the environment of peer toy"):
        peer_python("toy", [])
    assert not (peers / "toy" / ".installed").exists()
    with pytest.raises(pytest.skip.Exception, match="NOT COMPARED WITH TOY"):
        peer_or_skip("toy", [])


def test_a_script_that_fails_shows_its_last_lines(peers, tmp_path):
    script = tmp_path / "fails.py"
    script.write_text("raise SystemExit('no such model')")
    with pytest.raises(PeerError, match="no such model"):
        run_peer(peer_python("toy", []), script)


def _fails(what, command, seconds):
    raise PeerError(f"{what} failed")
