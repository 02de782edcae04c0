"""The step for Spark, within Spark itself. It needs `pyspark` and Java; where either is absent, the test says so and is passed over."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from tests.unit.apply.worlds import row, synced

from byleave.apply.loaders import keeps_batches
from byleave.apply.ruleset import Ruleset
from byleave.consent import TargetKind

pytestmark = pytest.mark.conformance


@pytest.mark.filterwarnings(
    "ignore::FutureWarning:pyspark", "ignore::ResourceWarning"
)  # Spark warns about pandas, and leaves sockets open
def test_map_in_arrow_keeps_what_a_decider_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed (pip install pyspark)")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none")
    synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
    decider = Ruleset.load(tmp_path / "synced").decider(regime="opt_out", uses=["train_gen"])
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    quiet = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1"}
    builder = sql.SparkSession.builder.master("local[2]").config(map=quiet)
    session = builder.config("spark.sql.warehouse.dir", str(tmp_path / "warehouse")).getOrCreate()
    try:
        links = [(f"https://{'ab'[n % 2]}.example/{n}", n) for n in range(10)]
        frame = session.createDataFrame(links, "url string, number long")
        kept = frame.mapInArrow(keeps_batches(decider), frame.schema).collect()
    finally:
        session.stop()
    assert sorted(one["number"] for one in kept) == [1, 3, 5, 7, 9]
