"""Unmodified data loaders yield the samples that stay. A package that is not installed skips its tests and says so."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from tests.unit.apply.worlds import NOW, row, synced

from byleave.apply import Decider, Ruleset
from byleave.apply.loaders import keeper, keeps_columns
from byleave.consent import TargetKind

pytestmark = pytest.mark.conformance

LINKS = [f"http://{'ab'[number % 2]}.example/{number}" for number in range(50)]
FREE = [link for link in LINKS if "b.example" in link]


def package(name: str) -> Any:
    """Import a package, or skip; what it warns of while it is imported is its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"the package {name.partition('.')[0]} is not installed")


@pytest.fixture
def decider(tmp_path: Path) -> Decider:
    folder = synced(tmp_path / "world", [row(1, TargetKind.HOST, "a.example")])
    return Ruleset.load(folder).decider(regime="opt_out", uses=["train_gen"], at=NOW)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    webdataset = package("webdataset")
    with webdataset.TarWriter(str(tmp_path / "00000.tar")) as writer:
        for number, link in enumerate(LINKS):
            writer.write(
                {
                    "__key__": f"{number:09d}",
                    "jpg": b"picture",
                    "txt": "words",
                    "json": json.dumps({"url": link}),
                }
            )
    return tmp_path / "00000.tar"


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the package leaves its files open
class TestWebdataset:
    """The package webdataset."""

    def test_samples_that_stay_come_in_order_before_and_after_decoding(
        self, decider: Decider, shard: Path
    ) -> None:
        webdataset = package("webdataset")
        raw = webdataset.WebDataset(str(shard), shardshuffle=False).compose(keeper(decider, at_once=7))
        assert [json.loads(sample["json"])["url"] for sample in raw] == FREE
        decoded = webdataset.WebDataset(str(shard), shardshuffle=False).decode().compose(keeper(decider))
        assert [sample["json"]["url"] for sample in decoded] == FREE

    def test_tuples_are_read_by_a_function_of_ones_own(self, decider: Decider, shard: Path) -> None:
        webdataset = package("webdataset")
        pairs = webdataset.WebDataset(str(shard), shardshuffle=False).to_tuple("txt", "json")
        stage = keeper(decider, facts=lambda pair: (json.loads(pair[1])["url"], None))
        assert len(list(pairs.compose(stage))) == len(FREE)


class TestDatadiligence:
    """The package datadiligence, with our rule beside its own."""

    def test_the_rule_answers_for_the_evaluator(
        self, decider: Decider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package("datadiligence")
        from datadiligence.evaluators import PreprocessEvaluator
        from datadiligence.rules import BulkRule

        from byleave.apply.diligence import ByleaveRule

        monkeypatch.delenv("SPAWNING_OPTS_KEY", raising=False)
        rule = ByleaveRule(decider)
        assert isinstance(rule, BulkRule)
        evaluator = PreprocessEvaluator()
        evaluator.add_rule(rule)
        assert evaluator.filter_allowed(urls=LINKS) == FREE
        assert evaluator.is_allowed(urls=[*LINKS[:3], "", "no link"]) == [False, True, False, False, False]
        assert rule.is_allowed(url=LINKS[1]) is True
        assert rule.filter_allowed(url=LINKS[0]) == []


class TestDatasets:
    """The package datasets."""

    def test_rows_that_stay_are_kept_in_order(self, decider: Decider, tmp_path: Path) -> None:
        datasets = package("datasets")
        whole = datasets.Dataset.from_dict({"url": LINKS, "place": list(range(len(LINKS)))})
        kept = whole.filter(
            keeps_columns(decider), batched=True, batch_size=7, cache_file_name=str(tmp_path / "cache.arrow")
        )
        assert kept["url"][:] == FREE
        streamed = whole.to_iterable_dataset().filter(keeps_columns(decider), batched=True, batch_size=7)
        assert [sample["url"] for sample in streamed] == FREE


class TestTorch:
    """The package torch."""

    def test_samples_that_stay_come_from_a_data_loader(self, decider: Decider) -> None:
        data = package("torch.utils.data")
        from byleave.apply.torch_dataset import KeptDataset

        wrapped = KeptDataset([{"url": link} for link in LINKS], decider, at_once=7)
        assert isinstance(wrapped, data.IterableDataset)
        batches = list(data.DataLoader(wrapped, batch_size=5))
        assert [link for batch in batches for link in batch["url"]] == FREE
