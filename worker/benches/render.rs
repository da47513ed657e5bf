//! What rendering costs: CPU time and memory per picture, in one thread.
//!
//! CPU time and not elapsed time, because a fleet is paid by it and because it suffers less from
//! neighbours. `benches/peers/run` compares it with other tools.

#![expect(clippy::print_stdout, reason = "it is made to print")]

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use worker::render::{Limits, Recipe, Stage, Variant, render_watched};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Large enough for every picture that one would measure.
const LIMITS: Limits = Limits {
    max_bytes: 1 << 30,
    max_pixels: 1 << 30,
    max_frames: 1 << 10,
};

/// Renders each file several times and prints its median CPU time, in all and by
/// stage, and its peak memory.
#[derive(Parser)]
struct Arguments {
    /// Variants to make.
    #[arg(long, default_value = Recipe::DEFAULT)]
    recipe: Recipe,
    /// How often to render each file.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Folder to write the variants to.
    #[arg(long)]
    out: Option<PathBuf>,
    /// One line of JSON per file, with every round.
    #[arg(long)]
    json: bool,
    /// Render once for each line of standard input, and print after each: lets others take turns.
    #[arg(long, conflicts_with = "rounds")]
    paced: bool,
    /// Pictures.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What `cargo bench` says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// In the order of the work.
const STAGES: [Stage; 6] = [
    Stage::Inspect,
    Stage::Decode,
    Stage::Colour,
    Stage::Resize,
    Stage::Encode,
    Stage::Impress,
];

/// What one file cost.
struct Measured<'a> {
    file: &'a Path,
    rounds: Vec<Duration>,
    /// Of each round, by stage.
    stages: Vec<[Duration; STAGES.len()]>,
    peak_rss_kib: u64,
    variants: Vec<Variant>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut exit_code = ExitCode::SUCCESS;
    for file in &arguments.files {
        if let Err(error) = run(file, &arguments) {
            eprintln!("{}: {error}", file.display());
            exit_code = ExitCode::FAILURE;
        }
    }
    exit_code
}

fn run(file: &Path, arguments: &Arguments) -> Result<()> {
    forget_peak_rss();
    let bytes = fs::read(file)?;
    if !arguments.paced {
        let measured = measure(file, &bytes, arguments.rounds, &arguments.recipe)?;
        return report(&measured, arguments);
    }
    for line in io::stdin().lines() {
        line?;
        let measured = measure(file, &bytes, 1, &arguments.recipe)?;
        report(&measured, arguments)?;
    }
    Ok(())
}

fn measure<'a>(file: &'a Path, bytes: &[u8], rounds: u32, recipe: &Recipe) -> Result<Measured<'a>> {
    let mut spent = Vec::new();
    let mut variants = Vec::new();
    for _ in 0..rounds {
        let (stages, rendered) = timed(bytes, recipe)?;
        variants = rendered;
        spent.push(stages);
    }
    Ok(Measured {
        file,
        rounds: spent.iter().map(|stages| stages.iter().sum()).collect(),
        stages: spent,
        peak_rss_kib: peak_rss_kib()?,
        variants,
    })
}

fn report(measured: &Measured<'_>, arguments: &Arguments) -> Result<()> {
    if let Some(folder) = &arguments.out {
        write_variants(measured, folder)?;
    }
    if arguments.json {
        println!("{}", as_json(measured, arguments.out.as_deref()));
    } else {
        println!("{}", as_text(measured));
    }
    Ok(())
}

fn as_text(measured: &Measured<'_>) -> String {
    let stage = |(at, stage): (usize, &Stage)| {
        let rounds: Vec<_> = measured.stages.iter().map(|stages| stages[at]).collect();
        let name = format!("{stage:?}").to_lowercase();
        format!("  {name} {:.2}", milliseconds(median(&rounds)))
    };
    format!(
        "{:>9.2} ms {:>9} KiB{}  {}",
        milliseconds(median(&measured.rounds)),
        measured.peak_rss_kib,
        STAGES.iter().enumerate().map(stage).collect::<String>(),
        measured.file.display()
    )
}

fn as_json(measured: &Measured<'_>, out: Option<&Path>) -> serde_json::Value {
    let variant = |variant: &Variant| {
        json!({
            "name": variant.name,
            "width": variant.width,
            "height": variant.height,
            "format": variant.format.name(),
            "bytes": variant.bytes.len(),
            "path": out.map(|folder| variant_path(folder, measured.file, variant)),
        })
    };
    json!({
        "file": measured.file,
        "cpu_ms": measured.rounds.iter().copied().map(milliseconds).collect::<Vec<_>>(),
        "peak_rss_kib": measured.peak_rss_kib,
        "variants": measured.variants.iter().map(variant).collect::<Vec<_>>(),
    })
}

fn write_variants(measured: &Measured<'_>, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for variant in &measured.variants {
        fs::write(variant_path(folder, measured.file, variant), &variant.bytes)?;
    }
    Ok(())
}

/// `folder/picture.jpg-thumb.jpg`: the whole name of the file, as others may differ in its end only.
fn variant_path(folder: &Path, file: &Path, variant: &Variant) -> PathBuf {
    let file = file.file_name().unwrap_or_default().to_string_lossy();
    let extension = variant.format.extension();
    folder.join(format!("{file}-{}.{extension}", variant.name))
}

/// CPU time by stage, and what was made.
fn timed(bytes: &[u8], recipe: &Recipe) -> Result<([Duration; STAGES.len()], Vec<Variant>)> {
    let mut stages = [Duration::ZERO; STAGES.len()];
    let mut before = cpu_time();
    let rendered = render_watched(bytes, recipe, &LIMITS, &mut |stage| {
        let now = cpu_time();
        let at = STAGES.iter().position(|known| *known == stage);
        stages[at.expect("every stage is known")] += now - before;
        before = now;
        Ok(())
    });
    let rendered = rendered.map_err(|rejection| rejection.to_string())?;
    Ok((stages, rendered.variants))
}

/// User and system time of this process so far.
fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(spent).expect("a process has not spent less than nothing")
}

fn median(rounds: &[Duration]) -> Duration {
    let mut sorted = rounds.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Gives each file a peak of its own. A kernel that cannot do so shows the largest so far instead.
fn forget_peak_rss() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn peak_rss_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .ok_or("/proc/self/status has no VmHWM")?;
    Ok(peak.trim().parse()?)
}
