"""What was compared, and on what: without it no number can be repeated."""

import importlib.metadata
import json
import os
import pathlib
import platform
import re
import subprocess

import PIL.features
import pyvips

SHARP = "const {versions: v} = require('sharp'); console.log(JSON.stringify({...v, node: process.version}))"


def text() -> str:
    sharp = json.loads(output("node", "-e", SHARP))
    package = importlib.metadata.version
    lines = [
        f"ours: {output('git', 'describe', '--always', '--dirty')}, {output('rustc', '--version')}",
        f"sharp {sharp['sharp']}: libvips {sharp['vips']}, mozjpeg {sharp['mozjpeg']}, node {sharp['node']}",
        f"Pillow {PIL.__version__}: libjpeg-turbo {PIL.features.version('libjpeg_turbo')}, Python {platform.python_version()}",
        f"pyvips {package('pyvips')}: libvips {pyvips.version(0)}.{pyvips.version(1)}.{pyvips.version(2)}",
        f"ssimulacra2 {package('ssimulacra2')}",
        f"{os.cpu_count()} x {cpu()}, {platform.system()} {platform.release()} {platform.machine()}",
    ]
    return "\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def output(*command: str) -> str:
    here = pathlib.Path(__file__).parent
    return subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout.strip()


def cpu() -> str:
    found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()
