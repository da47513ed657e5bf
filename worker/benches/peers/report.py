"""From costs to a Markdown table, and what of the targets was missed. Pure."""

import dataclasses
import pathlib
import statistics

from measure import AS_WRITTEN, OURS, SAME_BYTES, SMARTEST, TOOLS, Cost

GAIN_AS_WRITTEN, GAIN_SMARTEST = 4.0, 1.5  # Geometric means over the JPEG classes.
GAIN_OTHERS = 1.5  # The same over PNG, WebP and GIF, against the smartest.
RSS_SHARE = 0.25
NOISE = 0.5  # Points of SSIMULACRA2 that say nothing.
NOTHING = "–"


@dataclasses.dataclass
class Class:
    """A picture, and what every tool needed for it."""

    picture: pathlib.Path
    costs: dict[str, Cost]
    sharps_settings: dict

    @property
    def name(self) -> str:
        return self.picture.stem

    def cpu_ms(self, tool: str) -> float | None:
        rounds = self.costs[tool].cpu_ms
        return statistics.median(rounds) if rounds else None

    def gain(self, tool: str) -> float | None:
        return ratio(self.cpu_ms(tool), self.cpu_ms(OURS))

    def bytes_ratio(self) -> float | None:
        return ratio(self.costs[OURS].bytes, self.costs[AS_WRITTEN].bytes)

    def rss_share(self) -> float | None:
        return ratio(self.costs[OURS].peak_rss_kib, self.costs[AS_WRITTEN].peak_rss_kib)

    def quality(self, tool: str) -> float | None:
        marks = [variant["ssimulacra2"] for variant in self.costs[tool].variants if "ssimulacra2" in variant]
        return statistics.mean(marks) if marks else None

    def worse_variants(self) -> list[tuple[str, float, float]]:
        """Where sharp as written is better by more than noise: name, our mark, sharp's mark."""
        pairs = zip(self.costs[OURS].variants, self.costs[AS_WRITTEN].variants)
        marks = [(ours["name"], ours.get("ssimulacra2"), sharp.get("ssimulacra2")) for ours, sharp in pairs]
        return [(name, ours, sharp) for name, ours, sharp in marks if ours is not None and sharp is not None and ours < sharp - NOISE]

    def sizes(self, tool: str) -> list[tuple]:
        return [(variant["width"], variant["height"], variant["format"]) for variant in self.costs[tool].variants]


def ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part and whole else None


def geometric_mean(gains) -> float | None:
    known = [gain for gain in gains if gain]
    return statistics.geometric_mean(known) if known else None


def jpegs(classes: list[Class]) -> list[Class]:
    return [made for made in classes if made.name.startswith("jpeg-")]


def others(classes: list[Class]) -> list[Class]:
    """Not the charts: they are drawn for quality, and nobody pays for many of them."""
    return [made for made in classes if made.name.startswith(("png-", "webp-", "gif-"))]


def table(classes: list[Class]) -> str:
    heads = ["class", *(f"{tool}, ms" for tool in TOOLS), "gain as written / smartest", "bytes"]
    heads += ["SSIMULACRA2 ours / sharp", "RSS MB ours / sharp"]
    lines = [heads, ["---"] + ["--:"] * (len(heads) - 1), *map(row, classes)]
    lines += [mean_row("**JPEG**", jpegs(classes)), mean_row("**PNG, WebP, GIF**", others(classes))]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def row(made: Class) -> list[str]:
    times = [number(made.cpu_ms(tool)) for tool in TOOLS]
    memory = [number(made.costs[tool].peak_rss_kib / 1024 or None, 0) for tool in (OURS, AS_WRITTEN)]
    marks = [number(made.quality(tool)) for tool in (OURS, AS_WRITTEN)]
    worse = "!" if made.worse_variants() else ""
    return [made.name, *times, gains([made]), bytes_cell(made), " / ".join(marks) + worse, " / ".join(memory)]


def mean_row(title: str, classes: list[Class]) -> list[str]:
    return [f"{title}, geometric mean", *[""] * len(TOOLS), f"**{gains(classes)}**", "", "", ""]


def gains(classes: list[Class]) -> str:
    return " / ".join(number(geometric_mean(made.gain(tool) for made in classes), 2) for tool in (AS_WRITTEN, SMARTEST))


def bytes_cell(made: Class) -> str:
    share = made.bytes_ratio()
    unlike = "!" if share and abs(share - 1) > SAME_BYTES else ""
    return f"{number(share, 3)}{unlike} {settings(made.sharps_settings)}"


def settings(sharps: dict) -> str:
    return f"q{sharps['quality']}" if sharps else "default"


def number(value: float | None, digits: int = 1) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def remarks(classes: list[Class]) -> str:
    """What the table has no room for."""
    lines = [f"{made.name}: {tool} cannot: {cost.error}" for made in classes for tool, cost in made.costs.items() if cost.error]
    worse = [(made.name, *variant) for made in classes for variant in made.worse_variants()]
    lines += [f"{name} {variant}: SSIMULACRA2 {ours:.1f}, sharp {sharp:.1f}" for name, variant, ours, sharp in worse]
    lines += [different_sizes(made, tool) for made in classes for tool in TOOLS if different_sizes(made, tool)]
    marks = [f"{tool} {number(statistics.mean(known))}" for tool in TOOLS if (known := marks_where_all_have_one(classes, tool))]
    if marks:
        lines.append("mean SSIMULACRA2 where all have one: " + ", ".join(marks))
    return "\n" + "\n".join(f"- {line}" for line in lines)


def different_sizes(made: Class, tool: str) -> str:
    pairs = [(mine, its) for mine, its in zip(made.sizes(OURS), made.sizes(tool)) if not alike(mine, its)]
    texts = [f"{'{}x{} {}'.format(*its)}, ours {'{}x{} {}'.format(*mine)}" for mine, its in pairs]
    return f"{made.name}: {tool} makes {'; '.join(texts)}" if texts else ""


def alike(one: tuple, other: tuple) -> bool:
    """Half a pixel is rounded up by some, down by others, and by sharp as it happens."""
    return all(abs(mine - its) <= 1 for mine, its in zip(one[:2], other[:2])) and one[2] == other[2]


def marks_where_all_have_one(classes: list[Class], tool: str) -> list[float]:
    complete = [made for made in classes if all(made.quality(other) is not None for other in TOOLS)]
    return [made.quality(tool) for made in complete]


def missed(classes: list[Class]) -> list[str]:
    """Targets that do not hold, in words."""
    means = [
        ("JPEG against sharp as written", jpegs(classes), AS_WRITTEN, GAIN_AS_WRITTEN),
        ("JPEG against the smartest sharp", jpegs(classes), SMARTEST, GAIN_SMARTEST),
        ("PNG, WebP and GIF against the smartest sharp", others(classes), SMARTEST, GAIN_OTHERS),
    ]
    lines = []
    for title, group, tool, target in means:
        mean = geometric_mean(made.gain(tool) for made in group)
        if group and (mean is None or mean < target):
            lines.append(f"{title}: {number(mean, 2)} instead of {target}")
    return lines + [line for made in classes for line in missed_by(made)]


def missed_by(made: Class) -> list[str]:
    if made.costs[OURS].error:
        return [f"{made.name}: {made.costs[OURS].error}"]
    lines = [f"{made.name}: not ahead of {tool}: {gain:.2f}" for tool in TOOLS[1:] if (gain := made.gain(tool)) and gain <= 1]
    if made.costs[AS_WRITTEN].error:
        return lines
    if different_sizes(made, AS_WRITTEN):
        lines.append(f"{made.name}: other sizes or formats than sharp's")
    if made.bytes_ratio() > 1 + SAME_BYTES:
        lines.append(f"{made.name}: {made.bytes_ratio():.3f} times as many bytes as sharp")
    if made.rss_share() > RSS_SHARE:
        lines.append(f"{made.name}: {made.rss_share():.2f} of sharp's memory instead of {RSS_SHARE}")
    ours, sharp = made.quality(OURS), made.quality(AS_WRITTEN)
    if ours is not None and sharp is not None and ours < sharp - NOISE:
        lines.append(f"{made.name}: SSIMULACRA2 {ours:.1f}, sharp {sharp:.1f}")
    return lines


def verdict(missed: list[str]) -> str:
    return "\n".join(["Missed:", *(f"- {line}" for line in missed)]) if missed else "All targets hold."
