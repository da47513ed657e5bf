"""Prints the demo's records as a table, copies the variants out of the bucket, and fails unless all is as it should be.

Reads the JSON lines of `producer status` from standard input; the argument is the folder to copy to.
"""

import json
import os
import pathlib
import sys

import botocore.session

EXPECTED = {"images/corrupt.jpg": "rejected"}  # Everything else is to be ready.
HEADINGS = ("key", "status", "dimensions", "variants", "ms")


def main() -> int:
    records = [json.loads(line) for line in sys.stdin]
    print_table([row(record) for record in records])
    folder = pathlib.Path(sys.argv[1]) / "variants"
    wrong = [*problems(records), *copy_variants(records, folder)]
    print(f"\nVariants to look at: {os.path.relpath(folder)}")
    for problem in wrong:
        print(f"WRONG: {problem}", file=sys.stderr)
    print("Everything ended as it should." if not wrong else "Not everything ended as it should.")
    return 1 if wrong else 0


def row(record: dict) -> tuple:
    size = f"{record['width']}x{record['height']} {record['format']}" if "width" in record else "-"
    variants = " ".join(f"{v['name']}:{v['width']}x{v['height']}" for v in record.get("variants", []))
    reason = record.get("reason", {}).get("code", "-")
    return (record["source"]["key"], record["status"], size, variants or reason, record.get("processing_ms", "-"))


def print_table(rows: list) -> None:
    columns = list(zip(HEADINGS, *rows))
    widths = [max(len(str(cell)) for cell in column) for column in columns]
    for line in zip(*columns):
        print("  ".join(str(cell).ljust(width) for cell, width in zip(line, widths)).rstrip())


def problems(records: list):
    if len(records) != 5:
        yield f"{len(records)} images were followed, not 5"
    for record in records:
        key, status = record["source"]["key"], record["status"]
        expected = EXPECTED.get(key, "ready")
        if status != expected:
            yield f"{key} is {status}, not {expected}: {record.get('reason')}"
        if status == "ready" and len(record["variants"]) != 4:
            yield f"{key} has {len(record['variants'])} variants, not 4"


def copy_variants(records: list, folder: pathlib.Path):
    s3 = botocore.session.get_session().create_client(
        "s3", region_name=os.environ["AWS_REGION"], endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    for record in records:
        for variant in record.get("variants", []):
            body = s3.get_object(Bucket=variant["bucket"], Key=variant["key"])["Body"].read()
            if len(body) != variant["bytes"]:
                yield f"{variant['key']} has {len(body)} bytes, not {variant['bytes']}"
            path = folder / variant["key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)


if __name__ == "__main__":
    sys.exit(main())
