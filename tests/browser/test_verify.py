"""The second implementation, in the browser: the published vectors, and real receipts on the page that checks them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Running

pytestmark = pytest.mark.browser

TESSERA_KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"

DENY = ("claim", "add", "--preference", "deny")

RUN_MERKLE = """
async ([tlog, cases]) => {
  const { Broken, fromBase64, verifyConsistency, verifyInclusion } = await import(tlog);
  const wrong = [];
  for (const { name, kind, numbers, hashes, proof, wantErr } of cases) {
    const [a, b] = numbers.map(BigInt);
    const [c, d] = hashes.map(fromBase64);
    let failed = false;
    try {
      if (kind === "inclusion") await verifyInclusion(a, b, c, proof.map(fromBase64), d);
      else await verifyConsistency(a, b, c, d, proof.map(fromBase64));
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      failed = true;
    }
    if (failed !== wantErr) wrong.push(name);
  }
  return wrong;
}
"""

RUN_TESSERA = """
async ([tlog, key, notes, tiles]) => {
  const { consistencyFromTiles, fromBase64, verifyConsistency } = await import(tlog);
  const { openCheckpoint, parseTrust } = await import(tlog.replace("tlog.js", "tlog_policy.js"));
  const trust = await parseTrust(key);
  const read = async (path) => fromBase64(tiles[path]);
  const heads = await Promise.all(notes.map((note) => openCheckpoint(note, trust)));
  let checked = 0;
  for (const old of heads.filter((head) => head.size > 0n)) {
    for (const now of heads.filter((head) => head.size >= old.size)) {
      const proof = await consistencyFromTiles(old.size, now.size, read);
      await verifyConsistency(old.size, now.size, old.root, now.root, proof);
      checked += 1;
    }
  }
  return checked;
}
"""

REFUSES_TOUCHED_NOTE = """
async ([tlog, key, note]) => {
  const { Broken } = await import(tlog);
  const { openCheckpoint, parseTrust } = await import(tlog.replace("tlog.js", "tlog_policy.js"));
  try {
    await openCheckpoint(note, await parseTrust(key));
  } catch (error) {
    return error instanceof Broken;
  }
  return false;
}
"""


def module_of(page: Page) -> str:
    """Go to the page and return the address of the module beside its script."""
    page.goto("/verify")
    script = page.locator('script[src$="/verify.js"]').get_attribute("src")
    assert script
    return script.replace("verify.js", "tlog.js")


def merkle_cases(vectors: Path) -> list[dict[str, Any]]:
    cases = []
    for kind, numbers, hashes in (
        ("inclusion", ("leafIdx", "treeSize"), ("leafHash", "root")),
        ("consistency", ("size1", "size2"), ("root1", "root2")),
    ):
        for path in sorted((vectors / "merkle" / kind).rglob("*.json")):
            case = json.loads(path.read_text())
            cases.append(
                {
                    "name": str(path),
                    "kind": kind,
                    "numbers": [str(case[name]) for name in numbers],  # some are beyond what a double holds
                    "hashes": [case[name] or "" for name in hashes],
                    "proof": case["proof"] or [],
                    "wantErr": case["wantErr"],
                }
            )
    return cases


def test_every_published_merkle_case_is_judged_alike(page: Page, vectors: Path) -> None:
    cases = merkle_cases(vectors)
    assert len(cases) == 196
    assert page.evaluate(RUN_MERKLE, [module_of(page), cases]) == []


def test_the_published_log_is_read_from_its_tiles(page: Page, vectors: Path) -> None:
    log = vectors / "tessera-log" / "log"
    notes = [(log / f"checkpoint.{size}").read_text() for size in range(16)]
    tiles = {
        path.relative_to(log).as_posix(): base64.b64encode(path.read_bytes()).decode()
        for path in (log / "tile" / "0").rglob("*")
        if path.is_file()
    }
    module = module_of(page)
    assert page.evaluate(RUN_TESSERA, [module, TESSERA_KEY, notes, tiles]) == 120
    touched = notes[15].replace("\n15\n", "\n14\n")
    assert page.evaluate(REFUSES_TOUCHED_NOTE, [module, TESSERA_KEY, touched]) is True


@pytest.fixture(scope="module")
def filed(running: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    """File two claims, so that the log has grown since the first; give the receipt of that one."""
    file = tmp_path_factory.mktemp("receipts") / "choice.tlog-proof"
    running.byleave(
        *DENY, "--url", "https://studio.example/first.jpg", "--as", "ann@example.org", "--receipt", file
    )
    running.byleave(*DENY, "--url", "https://studio.example/later.jpg", "--as", "bob@example.org")
    return file.read_text()


@pytest.fixture
def receipt(filed: str, tmp_path: Path) -> Path:
    """Give a receipt as its holder keeps it."""
    file = tmp_path / "choice.tlog-proof"
    file.write_text(filed)
    return file


def found(page: Page, receipt: Path) -> str:
    page.goto("/verify")
    page.get_by_label("Your receipt").set_input_files(receipt)
    verdict = page.locator("#found > p")
    expect(verdict).to_be_visible()
    return verdict.inner_text()


def test_a_receipt_is_checked_before_and_after_its_list(page: Page, running: Running, receipt: Path) -> None:
    assert found(page, receipt).startswith("The receipt holds")
    running.byleave("publish")
    assert "The receipt holds, and the choice is in list" in found(page, receipt)
    steps = page.locator("#found li").all_inner_texts()
    assert len(steps) == 6
    assert "nothing in it was changed" in steps[3]


def other_record(text: str) -> str:
    head, _, rest = text.partition("\nextra ")
    encoded, _, rest = rest.partition("\n")
    extra = json.loads(base64.b64decode(encoded))
    extra["record"]["preferences"]["search"] = "deny"
    return f"{head}\nextra {base64.b64encode(json.dumps(extra).encode()).decode()}\n{rest}"


@pytest.mark.parametrize(
    ("touch", "said"),
    [
        (lambda text: text.replace("\nindex ", "\nindex 1"), "place in the log lies outside"),
        (lambda text: text.replace("tlog-proof@v1", "tlog-proof@v2"), "not a receipt"),
        (lambda text: text[: text.rindex("\u2014")], "a signature line cannot be read"),
        (other_record, "the entry is not in the log at that place"),
    ],
    ids=["index", "version", "signature", "record"],
)
def test_a_receipt_that_somebody_touched_does_not_hold(
    page: Page, receipt: Path, touch: Callable[[str], str], said: str
) -> None:
    receipt.write_text(touch(receipt.read_text()))
    told = found(page, receipt)
    assert told.startswith("This does not hold")
    assert said in told


def test_a_key_that_did_not_sign_is_noticed(page: Page, receipt: Path) -> None:
    page.goto("/verify")
    page.get_by_text("Whom you trust").click()
    page.locator("#keys").fill(TESSERA_KEY)
    page.get_by_label("Your receipt").set_input_files(receipt)
    expect(page.locator("#found > p")).to_contain_text("no key trusted here signed this")


def test_a_log_whose_past_was_changed_is_noticed(page: Page, receipt: Path) -> None:
    page.route("**/log/tile/**", lambda route: route.fulfill(body=_flipped(route.fetch().body())))
    assert "the log's past was changed" in found(page, receipt)


def _flipped(tile: bytes) -> bytes:
    return bytes(byte ^ 1 for byte in tile)
