import csv
import json
from pathlib import Path

from imedbench.evaluate.report import make_report, summary_sheets, write_report
from imedbench.evaluate.results import Results

RUN = {"turns.parquet", "scores.parquet", "run.json"}


def test_all_files_are_written(alpha: Results, tmp_path: Path) -> None:
    paths = write_report([alpha], tmp_path / "new" / "report")
    assert paths.html == tmp_path / "new" / "report" / "report.html"
    assert paths.tex.read_text(encoding="utf-8").count(r"\begin{table}") == 1
    names = [path.name for path in paths.csv]
    assert names[:4] == ["scores-dice.csv", "curves-dice.csv", "scores-iou.csv", "curves-iou.csv"]
    assert {"by-target.csv", "by-modality.csv", "by-group.csv", "by-size.csv", "effort.csv"} <= set(names)
    assert {"worst.csv", "failures.csv"} <= set(names)
    assert all(path.is_file() for path in paths.csv)


def test_every_file_says_where_its_numbers_are_from(alpha: Results, beta: Results, tmp_path: Path) -> None:
    paths = write_report([alpha, beta], tmp_path)
    origin = json.loads((paths.csv[0].parent / "provenance.json").read_text(encoding="utf-8"))
    assert origin == {"alpha": alpha.run, "beta": beta.run}
    for results in (alpha, beta):
        for text in (paths.html.read_text(encoding="utf-8"), paths.tex.read_text(encoding="utf-8")):
            assert results.run["protocol_digest"] in text
            assert results.run["data_digest"] in text


def test_csv_files_can_be_read_back(alpha: Results, tmp_path: Path) -> None:
    paths = write_report([alpha], tmp_path)
    with next(path for path in paths.csv if path.name == "scores-dice.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["Prompts"] for row in rows] == ["click", "box, then clicks"]
    mean = make_report([alpha]).numbers[0].turns["click", "dice", 5]
    assert float(rows[0]["Turn 5: mean"]) == float(f"{mean.mean:.10g}")
    assert rows[0]["Turn 5: failed"] == "2"
    with next(path for path in paths.csv if path.name == "failures.csv").open(newline="", encoding="utf-8") as file:
        assert [row["Turn"] for row in csv.DictReader(file)] == ["2", "2", "2"]


def test_a_report_beside_its_run_leaves_the_run_alone(make: object) -> None:
    results: Results = make()  # type: ignore[operator]
    before = {name: (results.path / name).read_bytes() for name in RUN}
    write_report([results], results.path)
    write_report([results], results.path)
    assert {name: (results.path / name).read_bytes() for name in RUN} == before
    assert {path.name for path in results.path.iterdir()} == RUN | {"report.html", "tables.tex", "tables"}


def test_the_summary_is_scores_differences_and_effort(alpha: Results, beta: Results) -> None:
    assert [sheet.name for sheet in summary_sheets(make_report([alpha]))][-1] == "effort"
    names = [sheet.name for sheet in summary_sheets(make_report([alpha, beta]))]
    assert names.index("scores dice") < names.index("differences dice") < names.index("effort")


def test_the_same_results_make_the_same_page(alpha: Results, tmp_path: Path) -> None:
    first = write_report([alpha], tmp_path / "a").html.read_bytes()
    assert write_report([alpha], tmp_path / "b").html.read_bytes() == first
