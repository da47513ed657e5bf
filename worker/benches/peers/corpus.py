"""Makes the pictures to measure with, out of freely licensed photographs and of charts drawn here.

    corpus.py FOLDER

Every picture is one class, and its file name says which. The same sources and tools give the same bytes. Does nothing when the
folder was made by this very script; otherwise makes it anew, references included.
"""

import functools
import hashlib
import io
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

import numpy
import pyvips
from PIL import Image, ImageCms, ImageDraw, ImageFont, ImageOps

DEBIAN_PACKAGES = ("lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds", "icc-profiles-free")
SCIKIT_IMAGE = "scikit-image==0.26.0"
PHOTOGRAPHS = {  # See README.md for authors and licences.
    "bird": "Kleiber_by_Lukas_Baubkus.jpg",
    "dragonfly": "Dragonfly_by_Bolly.jpg",
    "sunset": "sunset_by_Aitzol_Berasategi.jpg",
    "seeding": "seeding_by_Clements_Engelhardt.jpg",
    "bridge": "Bridge_by_Sander_Klootwijk.jpg",
    "pebbles": "gravel.png",
    "elephants": "Elephants_5640x3172.jpg",
}
ADOBE_RGB = "compatibleWithAdobeRGB1998.icc"
EXIF_ORIENTATION = 0x0112
CHART_SIZE = (2048, 1536)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    stamp = folder / ".made-by"
    version = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == version:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as sources:
        fetch_sources(pathlib.Path(sources))
        make_all(Sources(pathlib.Path(sources)), folder)
    stamp.write_text(version)


def fetch_sources(folder: pathlib.Path) -> None:
    # apt's own user could not write here.
    apt = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download"]
    subprocess.run([*apt, *DEBIAN_PACKAGES], cwd=folder, check=True, stdout=sys.stderr)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", folder]
    subprocess.run([*pip, SCIKIT_IMAGE], check=True)
    for wheel in folder.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(folder)


class Sources:
    """Photographs and profiles by name, wherever their packages keep them."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    def find(self, name: str) -> pathlib.Path:
        return next(self.folder.rglob(name))

    @functools.cache
    def photograph(self, name: str, width: int, height: int) -> Image.Image:
        """The largest part of this shape, from the middle. A little enlarged at times, as phones do."""
        with Image.open(self.find(PHOTOGRAPHS[name])) as photograph:
            whole = photograph.convert("RGB")
        return ImageOps.fit(whole, (width, height), Image.Resampling.LANCZOS)


def make_all(sources: Sources, folder: pathlib.Path) -> None:
    def save(picture: Image.Image, name: str, **options) -> None:
        print(f"corpus: {name}", file=sys.stderr)
        picture.save(folder / name, **options)

    photograph = sources.photograph
    jpeg = {"quality": 90, "subsampling": "4:2:0"}
    bird, dragonfly, sunset = (photograph(name, 4000, 3000) for name in ("bird", "dragonfly", "sunset"))
    save(photograph("bridge", 1920, 1080), "jpeg-2mp.jpg", **jpeg)
    save(bird, "jpeg-12mp.jpg", **jpeg)
    save(photograph("bird", 4096, 3072), "jpeg-12mp-4096.jpg", **jpeg)  # A quarter is exactly as wide as the widest variant.
    save(photograph("elephants", 4000, 3000), "jpeg-12mp-detail.jpg", **jpeg)
    save(photograph("seeding", 6000, 4000), "jpeg-24mp.jpg", **jpeg)
    save(bird, "jpeg-12mp-progressive.jpg", **jpeg, progressive=True)
    save(dragonfly, "jpeg-12mp-444.jpg", quality=90, subsampling="4:4:4")
    save(photograph("bird", 5472, 3648), "jpeg-20mp-422.jpg", quality=90, subsampling="4:2:2")
    save(bird.convert("L"), "jpeg-12mp-gray.jpg", quality=90)
    save(lying(sunset), "jpeg-12mp-exif6.jpg", **jpeg, exif=exif_orientation(6))
    p3, adobe = builtin_profile("p3"), sources.find(ADOBE_RGB).read_bytes()
    save(converted(dragonfly, p3), "jpeg-12mp-p3.jpg", **jpeg, icc_profile=p3)
    save(converted(bird, adobe), "jpeg-12mp-adobergb.jpg", **jpeg, icc_profile=adobe)
    cmyk = builtin_profile("cmyk")
    save(converted(photograph("dragonfly", 2400, 1680), cmyk, "CMYK"), "jpeg-4mp-cmyk.jpg", quality=90, icc_profile=cmyk)

    small = photograph("bird", 2048, 1536)
    save(see_through(small), "png-3mp-rgba.png")
    save(photograph("sunset", 3000, 2000), "png-6mp.png")
    save_16_bit(sources.find(PHOTOGRAPHS["dragonfly"]), folder / "png-3mp-16bit.png")
    save(small.quantize(256), "png-3mp-palette.png")
    save(bird, "webp-12mp.webp", quality=80)
    save(small, "webp-3mp.webp", quality=80)
    save(see_through(small), "webp-3mp-alpha.webp", quality=80)
    gif = photograph("pebbles", 512, 512), photograph("bird", 512, 512)
    save(photograph("sunset", 1280, 960).quantize(256), "gif-1mp.gif")
    frames = [frame.quantize(256) for frame in gif]
    save(frames[0], "gif-animated.gif", save_all=True, append_images=frames[1:], duration=100)

    for name, chart in charts():
        save(chart, f"chart-{name}-jpeg.jpg", quality=95, subsampling="4:4:4")
        save(chart, f"chart-{name}-png.png")


def builtin_profile(name: str) -> bytes:
    return pyvips.Operation.call("profile_load", name)


def converted(picture: Image.Image, profile: bytes, mode: str = "RGB") -> Image.Image:
    """The same colours, in numbers of the other profile."""
    return ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), io.BytesIO(profile), outputMode=mode)


def lying(picture: Image.Image) -> Image.Image:
    """Turned by a quarter to the left: orientation 6 turns it back."""
    return picture.transpose(Image.Transpose.ROTATE_90)


def exif_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    return exif


def see_through(picture: Image.Image) -> Image.Image:
    """With a soft hole in the middle and hard edges: both are where resizers go wrong."""
    x, y = grid(picture.width, picture.height)
    distance = numpy.hypot(x, y)
    alpha = numpy.clip((distance - 0.3) * 3, 0, 1)
    alpha[(x.repeat(len(y), 0) > 0.8) & (y.repeat(x.shape[1], 1) > 0.5)] = 0
    result = picture.copy()
    result.putalpha(Image.fromarray((alpha * 255).round().astype(numpy.uint8)))
    return result


def grid(width: int, height: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Coordinates from -1 to 1, as a row and as a column."""
    return numpy.linspace(-1, 1, width)[None, :], numpy.linspace(-1, 1, height)[:, None]


def save_16_bit(photograph: pathlib.Path, file: pathlib.Path) -> None:
    """Averages of many pixels have more than 8 bits worth storing. Pillow does not write such files."""
    whole = pyvips.Image.new_from_file(str(photograph)).colourspace("rgb16")
    whole.resize(2048 / whole.width).pngsave(str(file), bitdepth=16, keep="none")


def charts():
    yield "zone", zone_plate()
    yield "lines", thin_lines()
    yield "text", text()
    yield "edges", saturated_edges()


def zone_plate() -> Image.Image:
    """Rings that grow finer up to the finest: aliasing shows as rings elsewhere."""
    width, height = CHART_SIZE
    x, y = numpy.arange(width)[None, :] - width / 2, numpy.arange(height)[:, None] - height / 2
    rings = 127.5 + 127.5 * numpy.cos(numpy.pi * (x * x + y * y) / width)
    return Image.fromarray(rings.round().astype(numpy.uint8)).convert("RGB")


def thin_lines() -> Image.Image:
    """A fan of lines of one pixel, dark on light."""
    chart = Image.new("RGB", CHART_SIZE, "white")
    draw = ImageDraw.Draw(chart)
    for x in range(0, CHART_SIZE[0], 16):
        draw.line((x, 0, CHART_SIZE[0] - x, CHART_SIZE[1]), fill=(20, 20, 90))
    for y in range(0, CHART_SIZE[1], 24):
        draw.line((0, y, CHART_SIZE[0], y), fill=(140, 20, 20))
    return chart


def text() -> Image.Image:
    """A page, from large print to small print."""
    chart = Image.new("RGB", CHART_SIZE, (250, 248, 240))
    draw = ImageDraw.Draw(chart)
    top = 20
    for size in (96, 72, 54, 40, 32, 26, 22, 18, 16, 14) * 3:
        if top > CHART_SIZE[1]:
            break
        draw.text((24, top), "Sphinx of black quartz, judge my vow 0123456789 " * 6, (24, 24, 32), ImageFont.load_default(size))
        top += round(size * 1.3)
    return chart


def saturated_edges() -> Image.Image:
    """Pure colours side by side, upright and slanting: chroma that was halved once too often bleeds here."""
    colours = numpy.array([(255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 0)], numpy.uint8)
    width, height = CHART_SIZE
    x, y = numpy.arange(width)[None, :], numpy.arange(height)[:, None]
    stripe = 8 + 40 * (y // 256)  # Narrow at the top, wide at the bottom.
    slant = numpy.where(x > width // 2, y // 3, 0)
    return Image.fromarray(colours[(x + slant) // stripe % len(colours)])


if __name__ == "__main__":
    main()
