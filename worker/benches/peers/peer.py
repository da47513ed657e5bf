"""Renders one picture with Pillow or pyvips, once for each line of standard input.

    peer.py pillow|pyvips RECIPE jpeg|webp FOLDER FILE

After each it prints a line of JSON, as benches/render.rs does with --paced.
"""

import io
import json
import pathlib
import re
import sys
import time

EXIF_ORIENTATION = 0x0112
QUALITY = 80
UNLIMITED = 10_000_000  # libvips' own limit of a side.


def main() -> None:
    tool, recipe, output, folder, file = sys.argv[1:]
    variant = {"pillow": pillow, "pyvips": pyvips}[tool]()
    widths = dict(entry.split("=") for entry in recipe.split(","))
    data = pathlib.Path(file).read_bytes()
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    for _ in sys.stdin:
        before = time.process_time()
        made = {name: variant(data, int(width), output) for name, width in widths.items()}
        cpu_ms = (time.process_time() - before) * 1e3
        stem = f"{folder}/{pathlib.Path(file).name}-"
        variants = [stored(name, output, f"{stem}{name}.{output}", *variant) for name, variant in made.items()]
        print(json.dumps({"file": file, "cpu_ms": [cpu_ms], "peak_rss_kib": peak_rss_kib(), "variants": variants}), flush=True)


def pillow():
    """As its documentation shows it, with `thumbnail`, which has the JPEG decoder scale."""
    from PIL import Image, ImageCms, ImageOps

    srgb = ImageCms.createProfile("sRGB")

    def variant(data: bytes, width: int, output: str) -> tuple:
        image = Image.open(io.BytesIO(data))
        turned = image.getexif().get(EXIF_ORIENTATION, 1) >= 5
        scale = min(1, width / (image.height if turned else image.width))
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        if image.mode not in ("RGB", "RGBA", "L", "CMYK"):
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        image.thumbnail(size, Image.Resampling.LANCZOS)
        image = ImageOps.exif_transpose(image)
        if profile := image.info.pop("icc_profile", None):
            image = ImageCms.profileToProfile(image, io.BytesIO(profile), srgb, outputMode="RGB")
        elif image.mode == "CMYK":
            image = image.convert("RGB")
        image.info.pop("icc_profile", None)
        file = io.BytesIO()
        options = {"optimize": True} if output == "jpeg" else {}
        image.save(file, output, quality=QUALITY, **options)
        return file.getvalue(), image.width, image.height

    return variant


def pyvips():
    """As its documentation shows it, with `thumbnail`, which scales while decoding, turns and converts."""
    import pyvips

    pyvips.cache_set_max(0)

    def variant(data: bytes, width: int, output: str) -> tuple:
        image = pyvips.Image.thumbnail_buffer(data, width, height=UNLIMITED, size="down", output_profile="srgb")
        if output == "webp":
            encoded = image.webpsave_buffer(Q=QUALITY, keep="none")
        else:
            encoded = image.jpegsave_buffer(Q=QUALITY, optimize_coding=True, keep="none")
        return encoded, image.width, image.height

    return variant


def stored(name: str, output: str, path: str, data: bytes, width: int, height: int) -> dict:
    pathlib.Path(path).write_bytes(data)
    return {"name": name, "width": width, "height": height, "format": output, "bytes": len(data), "path": path}


def peak_rss_kib() -> int:
    # Not getrusage: its peak includes that of the process which started this one.
    return int(re.search(r"VmHWM:\s*(\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])


if __name__ == "__main__":
    main()
