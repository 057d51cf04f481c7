"""The page's files: what is served, as what, how large, and that the vendored ones are theirs."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from streams.gateway.page_files import FOLDER
from tests.streams.gateway.conftest import Door

VENDORED = FOLDER / "vendor"
SUMS: dict[str, str] = {
    name: digest
    for digest, name in map(str.split, (VENDORED / "SHA256SUMS").read_text().splitlines())
}
# `name@version`, and `@scope/name@version`.
PACKAGES = sorted({re.sub(r"(@.*?/|)([^/]*)/.*", r"\1\2", name) for name in SUMS})
OURS = sorted(path for path in FOLDER.iterdir() if path.is_file())
KINDS = {".css": "text/css", ".html": "text/html", ".js": "text/javascript"}


async def test_the_page_comes_compressed_with_its_type_and_a_strict_policy(door: Door) -> None:
    for path, name in [("/", "index.html"), *((f"/page/{each.name}",) * 2 for each in OURS)]:
        async with door.http.get(path, headers={"Accept-Encoding": "gzip"}) as response:
            text = await response.text()
        file = FOLDER / name.rpartition("/")[2]
        assert text == file.read_text("utf-8")
        assert response.content_type == KINDS.get(file.suffix, response.content_type)
        assert response.headers["Content-Encoding"] == "gzip"
        policy = response.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy)
        assert not re.search("unsafe|https?:|\\*", " ".join(policy))


async def test_a_client_that_cannot_unpack_gets_a_file_as_it_is(door: Door) -> None:
    async with door.http.get("/", headers={"Accept-Encoding": "identity"}) as response:
        assert "Content-Encoding" not in response.headers
        assert await response.read() == (FOLDER / "index.html").read_bytes()


async def test_what_has_not_changed_is_not_sent_again(door: Door) -> None:
    async with door.http.get("/page/app.js") as response:
        version = response.headers["ETag"]
    async with door.http.get("/page/app.js", headers={"If-None-Match": version}) as response:
        assert (response.status, await response.read()) == (304, b"")
    async with door.http.get("/page/app.js", headers={"If-None-Match": '"old"'}) as response:
        assert response.status == 200


@pytest.mark.parametrize("name", ["../page_files.py", "%2e%2e/page_files.py", "nothing.js", "%00"])
async def test_only_files_of_the_folder_are_there(door: Door, name: str) -> None:
    async with door.http.get(f"/page/{name}") as response:
        assert response.status in (400, 404)


def test_the_page_asks_for_nothing_from_elsewhere_and_has_nothing_inline() -> None:
    for file in OURS:
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(?:https?:)?//[a-z]", re.sub(r"^\s*//.*", "", text, flags=re.M))
        assert not re.search(r"unsafeHTML|innerHTML|eval\(|new Function|document\.write", text)
        assert not re.search(r"<style|[\s\"'`]style=|<script(?! (?:type=\"module\" )?src)", text)


def loaded(name: str) -> set[str]:
    """A module and all that it imports."""
    text, found = (FOLDER / name).read_text("utf-8"), {name}
    for imported in re.findall(r"^(?:import|} from|.* from) \"\./([^\"]+)\";$", text, re.MULTILINE):
        found |= loaded(imported)
    return found


def test_what_is_loaded_first_is_small() -> None:
    page = (FOLDER / "index.html").read_text("utf-8")
    named = re.findall(r"(?:src|href)=\"page/([^\"]+)\"", page)
    assert all((FOLDER / name).is_file() for name in named)
    first = {"index.html", *named} | loaded("ask.js") | loaded("app.js")
    assert {"rounds.js", "words.js", "ask_words.js"} <= first
    size = sum(len(gzip.compress((FOLDER / name).read_bytes())) for name in first)
    assert size < 60_000


def test_vendored_files_are_those_of_the_list() -> None:
    found = {
        path.relative_to(VENDORED).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDORED.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert found == SUMS
    assert all(any(name.startswith(f"{each}/LICENSE") for name in SUMS) for each in PACKAGES)


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_vendored_files_are_those_of_their_packages(tmp_path: Path) -> None:
    packed = subprocess.run(
        ["npm", "pack", "--silent", *PACKAGES], cwd=tmp_path, capture_output=True, text=True
    )
    if packed.returncode:
        pytest.skip("npm reaches no registry")
    found = {}
    for package, archive in zip(PACKAGES, packed.stdout.split(), strict=True):
        with tarfile.open(tmp_path / archive) as opened:
            for name in (each for each in SUMS if each.startswith(f"{package}/")):
                member = opened.extractfile(name.replace(package, "package", 1))
                assert member is not None
                found[name] = hashlib.sha256(member.read()).hexdigest()
    assert found == SUMS
