"""Measures, judges, reports. Ends with 0 if all targets hold.

    compare.py --bench EXECUTABLE --folder FOLDER [--rounds N] [--class NAME…] [--quick] [--no-quality]

The folder holds the corpus; results.json, table.md and the variants to look at are written there.
"""

import argparse
import dataclasses
import itertools
import json
import pathlib
import sys

import measure
import report
import versions

QUICK_ROUNDS, ROUNDS = 2, 5
QUICK = ("jpeg-2mp", "jpeg-12mp", "jpeg-12mp-p3", "jpeg-12mp-exif6", "png-3mp-rgba", "webp-3mp", "gif-1mp", "chart-text-jpeg")


def main() -> int:
    arguments = parsed()
    rounds = arguments.rounds or (QUICK_ROUNDS if arguments.quick else ROUNDS)
    classes = []
    for picture in pictures(arguments):
        print(f"measure: {picture.stem}", file=sys.stderr)
        folder = arguments.folder / "variants" / picture.stem
        costs, settings = measure.measure(picture, arguments.bench, folder, rounds)
        classes.append(report.Class(picture, costs, settings))
    if arguments.quality:
        judge_all(classes)
    return finish(classes, arguments)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--class", dest="classes", nargs="+", default=[])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-quality", dest="quality", action="store_false")
    return parser.parse_args()


def pictures(arguments: argparse.Namespace) -> list[pathlib.Path]:
    everything = sorted(path for path in (arguments.folder / "corpus").iterdir() if path.is_file() and path.name[0] != ".")
    known = {picture.stem for picture in everything}
    if unknown := set(arguments.classes) - known:
        sys.exit(f"compare: no class {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    wanted = arguments.classes or (QUICK if arguments.quick else known)
    return [picture for picture in everything if picture.stem in wanted]


def judge_all(classes: list) -> None:
    print("judge: all variants", file=sys.stderr)
    import judge  # Takes a second, which --no-quality need not wait for.

    variants = [[variant for cost in made.costs.values() for variant in cost.variants] for made in classes]
    marks = judge.judge([made.picture for made in classes], variants)
    for variant, mark in zip(itertools.chain(*variants), itertools.chain(*marks)):
        variant["ssimulacra2"] = mark


def finish(classes: list, arguments: argparse.Namespace) -> int:
    missed = report.missed(classes)
    text = "\n".join([report.table(classes), report.remarks(classes), versions.text(), report.verdict(missed)])
    (arguments.folder / "table.md").write_text(text + "\n")
    results = [{"class": made.name, "sharp": made.sharps_settings} | as_dicts(made.costs) for made in classes]
    (arguments.folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(text)
    return 1 if missed else 0


def as_dicts(costs: dict) -> dict:
    return {name: dataclasses.asdict(cost) for name, cost in costs.items()}


if __name__ == "__main__":
    sys.exit(main())
