"""Has all tools render a picture, in turns, so that noise of the machine hits them alike. Knows how each tool is started."""

import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

from PIL import Image

HERE = pathlib.Path(__file__).parent
RECIPE = "desktop=1024,tablet=640,phone=320,thumb=150"
OURS, AS_WRITTEN, SMARTEST, PILLOW, PYVIPS = TOOLS = ("ours", "sharp as written", "sharp smartest", "Pillow", "pyvips")
SETTINGS = [{"quality": quality} for quality in (80, 79, 81, 78, 82, 77, 83, 76, 84, 75, 85)]  # 80 is ours, and sharp's default.
SAME_BYTES = 0.03  # Files as large as this, more or less, are equally large.
TURN = 3  # Renderings in a row: a fleet under load is warm, and so are its peers.
ONE_THREAD = {"UV_THREADPOOL_SIZE": "1", "VIPS_CONCURRENCY": "1"}


@dataclasses.dataclass
class Cost:
    """What one tool needed for one picture, and what it made of it; or why it could not."""

    cpu_ms: list[float] = dataclasses.field(default_factory=list)
    peak_rss_kib: int = 0
    variants: list[dict] = dataclasses.field(default_factory=list)
    error: str = ""

    @property
    def bytes(self) -> int:
        return size(self.variants)


class Gone(Exception):
    """The tool ended before it answered."""


class Tool:
    """A process that renders when told to."""

    def __init__(self, command: list[str]):
        self.picture = command[-1]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD
        )

    def render(self, settings: dict) -> dict:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{json.dumps(settings)}\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Gone(last_words(self.process.stderr.read()).removeprefix(f"{self.picture}: "))
        return json.loads(line)

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def last_words(complaint: str) -> str:
    """The line of a stack trace that says what is wrong."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return next((line for line in lines if "rror" in line), lines[-1] if lines else "it said nothing")


def measure(picture: pathlib.Path, bench: str, folder: pathlib.Path, rounds: int) -> tuple[dict[str, Cost], dict]:
    """What each tool needs, and the settings with which sharp's files are as large as ours."""
    starts = commands(picture, bench, folder)
    settings = sharps_settings(starts)
    costs = {name: Cost() for name in TOOLS}
    with running(starts, TOOLS) as tools:
        for warm in [False] + [True] * rounds:
            for name in TOOLS:
                for _ in range(TURN):
                    if not costs[name].error:
                        costs[name] = after_rendering(costs[name], tools[name], settings, warm)
    return costs, settings


def after_rendering(cost: Cost, tool: Tool, settings: dict, warm: bool) -> Cost:
    try:
        report = tool.render(settings)
    except Gone as error:
        return Cost(error=str(error))
    return Cost(cost.cpu_ms + report["cpu_ms"] * warm, report["peak_rss_kib"], report["variants"])


def sharps_settings(starts: dict[str, list[str]]) -> dict:
    """The first with which sharp's files are as large as ours, or those that come nearest. The search is nobody's cost: its processes
    are its own."""
    tried = []
    with running(starts, (OURS, AS_WRITTEN)) as tools, contextlib.suppress(Gone):
        ours = tools[OURS].render({})["variants"]
        for settings in SETTINGS:
            sharps = tools[AS_WRITTEN].render(settings)["variants"]
            tried.append((abs(size(ours) / size(sharps) - 1), settings))
            if tried[-1][0] <= SAME_BYTES:
                break
    return min(tried, key=lambda attempt: attempt[0], default=(0, {}))[1]


def size(variants: list[dict]) -> int:
    return sum(variant["bytes"] for variant in variants)


@contextlib.contextmanager
def running(starts: dict[str, list[str]], names: tuple[str, ...]):
    """Tools that are stopped at the end."""
    with contextlib.ExitStack() as stack:
        tools = {name: Tool(starts[name]) for name in names}
        for tool in tools.values():
            stack.callback(tool.stop)
        yield tools


def commands(picture: pathlib.Path, bench: str, folder: pathlib.Path) -> dict[str, list[str]]:
    def peer(*command: str) -> list[str]:
        return [*command, RECIPE, output_format(picture), f"{folder}/{command[-1]}", str(picture)]

    sharp, python = ("node", f"{HERE}/peer.cjs"), (sys.executable, f"{HERE}/peer.py")
    return {
        OURS: [bench, "--paced", "--json", "--recipe", RECIPE, "--out", f"{folder}/ours", str(picture)],
        AS_WRITTEN: peer(*sharp, "as-written"),
        SMARTEST: peer(*sharp, "smartest"),
        PILLOW: peer(*python, "pillow"),
        PYVIPS: peer(*python, "pyvips"),
    }


def output_format(picture: pathlib.Path) -> str:
    """What our renderer chooses by itself, and others have to be told."""
    with Image.open(picture) as image:
        return "webp" if image.has_transparency_data else "jpeg"
