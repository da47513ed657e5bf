//! Everything that can be set: one flag and one environment variable each. All mistakes are found
//! before anything starts.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use shared::identity::ObjectRef;

use crate::render::{Limits, Recipe, WatermarkStyle};
use crate::variant_key::KeyTemplate;

/// Jobs in flight per core. Most of a job's time is waiting for S3, DynamoDB and SNS; rendering
/// itself never exceeds the cores.
const SLOTS_PER_CORE: usize = 4;

/// Makes variants of pictures as messages on the queue ask for it, and records and announces what
/// became of them.
///
/// Region, credentials and endpoint are the SDK's: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL,
/// instance role, … Logs go to standard error, as JSON unless it is a terminal; RUST_LOG filters
/// them. SIGTERM or Ctrl-C stops gracefully.
#[derive(Debug, Parser)]
#[command(
    name = "worker",
    version,
    max_term_width = 120,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// URL of the queue to poll [required]
    #[arg(long, env = "IMAGE_FLEET_QUEUE_URL", value_name = "URL")]
    queue_url: Option<String>,
    /// Bucket whose uploads are the jobs, and where ingested originals are put [required]
    #[arg(long, env = "IMAGE_FLEET_SOURCE_BUCKET", value_name = "BUCKET")]
    source_bucket: Option<String>,
    /// Prefix that the bucket's notifications listen to; ends with a slash
    #[arg(
        long,
        env = "IMAGE_FLEET_SOURCE_PREFIX",
        value_name = "PREFIX",
        default_value = "images/"
    )]
    source_prefix: String,
    /// Bucket for variants; must not be the source bucket [required]
    #[arg(long, env = "IMAGE_FLEET_VARIANTS_BUCKET", value_name = "BUCKET")]
    variants_bucket: Option<String>,
    /// DynamoDB table of records [required]
    #[arg(long, env = "IMAGE_FLEET_TABLE", value_name = "NAME")]
    table: Option<String>,
    /// SNS topic of announcements [required]
    #[arg(long, env = "IMAGE_FLEET_TOPIC_ARN", value_name = "ARN")]
    topic_arn: Option<String>,
    #[command(flatten)]
    rendering: RenderingArguments,
    /// Keys of variants; {variant}, {path}, {fingerprint} and {ext} are filled in. Without
    /// {fingerprint} names stay the same when a picture is replaced, and are cached for 5
    /// minutes instead of for ever
    #[arg(long, env = "IMAGE_FLEET_VARIANT_KEY", value_name = "TEMPLATE", default_value = KeyTemplate::DEFAULT)]
    variant_key: String,
    /// Jobs in flight at a time [default: 4 per core]
    #[arg(long, env = "IMAGE_FLEET_SLOTS", value_name = "N")]
    slots: Option<String>,
    /// Seconds that the download of a URL may take, redirects included
    #[arg(
        long,
        env = "IMAGE_FLEET_INGEST_TIMEOUT",
        value_name = "SECONDS",
        default_value = "60"
    )]
    ingest_timeout: String,
    /// Ingest from loopback, private and other special addresses too. For development: it opens
    /// the worker's network to whoever can enqueue
    #[arg(long, env = "IMAGE_FLEET_ALLOW_PRIVATE_URLS")]
    allow_private_urls: bool,
    /// Address of /healthz, /readyz and /metrics; port 0 takes a free one
    #[arg(
        long,
        env = "IMAGE_FLEET_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9600"
    )]
    listen: String,
    /// Seconds that jobs in flight have to finish after a signal; then they are handed back
    #[arg(
        long,
        env = "IMAGE_FLEET_SHUTDOWN_GRACE",
        value_name = "SECONDS",
        default_value = "120"
    )]
    shutdown_grace: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Renders local files as the fleet would: to try a recipe, without AWS
    Render(FileArguments),
}

#[derive(Args, Debug)]
struct FileArguments {
    /// Pictures
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder for variants; it is made if need be
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What is printed of each picture
    #[arg(long, value_enum, default_value_t)]
    output: OutputFormat,
    #[command(flatten)]
    rendering: RenderingArguments,
}

/// How outcomes are printed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: an object a line.
    Json,
}

#[derive(Args, Debug)]
struct RenderingArguments {
    /// Variants to make, comma-separated: name=width[xheight] in pixels, or one of thumb, phone,
    /// tablet and desktop; then any of :fit, :fill, :crop, :upscale, a format (:auto, :jpeg, :png,
    /// :webp, :gif), a quality (:q1 to :q100), :animated, :unmarked
    #[arg(long, env = "IMAGE_FLEET_RECIPE", default_value = Recipe::DEFAULT)]
    recipe: String,
    /// Picture to draw on the variants: a path, or s3://bucket/key
    #[arg(long, env = "IMAGE_FLEET_WATERMARK", value_name = "PICTURE")]
    watermark: Option<String>,
    /// Where and how it is drawn: a gravity (center, north, northeast, …), margin (of the shorter
    /// side), opacity, size (of the width), and the least width of a variant that is marked
    #[arg(long, env = "IMAGE_FLEET_WATERMARK_STYLE", value_name = "STYLE", default_value = WatermarkStyle::DEFAULT)]
    watermark_style: String,
    /// Keep the EXIF fields Artist and Copyright in variants; all other metadata is always removed
    #[arg(long, env = "IMAGE_FLEET_KEEP_COPYRIGHT")]
    keep_copyright: bool,
    /// Originals with more bytes are rejected
    #[arg(
        long,
        env = "IMAGE_FLEET_MAX_SOURCE_BYTES",
        value_name = "BYTES",
        default_value = "41943040"
    )]
    max_source_bytes: String,
    /// Originals with more pixels are rejected
    #[arg(
        long,
        env = "IMAGE_FLEET_MAX_PIXELS",
        value_name = "PIXELS",
        default_value = "100000000"
    )]
    max_pixels: String,
    /// Animations with more frames are rejected, if any variant is animated
    #[arg(
        long,
        env = "IMAGE_FLEET_MAX_FRAMES",
        value_name = "N",
        default_value = "1000"
    )]
    max_frames: String,
    /// Originals that take more seconds to render are rejected
    #[arg(
        long,
        env = "IMAGE_FLEET_RENDER_TIMEOUT",
        value_name = "SECONDS",
        default_value = "120"
    )]
    render_timeout: String,
}

/// What the program is asked to do.
#[derive(Clone, Debug)]
pub enum Task {
    /// To work until it is told to stop.
    Work(Box<Settings>),
    /// To render local files.
    Render(Box<FileSettings>),
}

/// What rendering needs to know, checked.
#[derive(Clone, Debug)]
pub struct RenderSettings {
    /// What to make.
    pub recipe: Recipe,
    /// What to draw on it.
    pub watermark: Option<(Place, WatermarkStyle)>,
    /// What is too much for one original.
    pub limits: Limits,
    /// What is too long for one original.
    pub timeout: Duration,
}

/// Where a file is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// On this machine.
    File(PathBuf),
    /// On S3.
    Object(ObjectRef),
}

/// What rendering local files needs to know, checked.
#[derive(Clone, Debug)]
pub struct FileSettings {
    /// Pictures.
    pub files: Vec<PathBuf>,
    /// Where variants go.
    pub out: PathBuf,
    /// What is printed.
    pub output: OutputFormat,
    /// What to make.
    pub render: RenderSettings,
}

/// What a worker needs to know, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The queue to poll.
    pub queue_url: String,
    /// Where originals are.
    pub source_bucket: String,
    /// What the notifications listen to.
    pub source_prefix: String,
    /// Where variants go.
    pub variants_bucket: String,
    /// The table of records.
    pub table: String,
    /// The topic of announcements.
    pub topic_arn: String,
    /// What to make.
    pub render: RenderSettings,
    /// How variants are named.
    pub variant_key: KeyTemplate,
    /// Processors to render on.
    pub cores: usize,
    /// Jobs in flight.
    pub slots: usize,
    /// Bound on one download.
    pub ingest_timeout: Duration,
    /// Whether special addresses may be fetched from.
    pub allow_private_urls: bool,
    /// Health checks and metrics.
    pub listen: SocketAddr,
    /// Bound on finishing.
    pub shutdown_grace: Duration,
    /// Names this process in records: host and process id.
    pub worker: String,
}

/// Everything that is wrong with the settings.
#[derive(Debug, Default)]
pub struct Mistakes(BTreeSet<String>);

impl Task {
    /// From the command line and the environment. Prints and exits by itself for `--help` and
    /// unknown flags.
    pub fn from_arguments() -> Result<Self, Mistakes> {
        let mut arguments = Arguments::parse();
        match arguments.command.take() {
            None => Settings::check(arguments).map(Box::new).map(Self::Work),
            Some(Command::Render(arguments)) => FileSettings::check(arguments)
                .map(Box::new)
                .map(Self::Render),
        }
    }
}

impl FileSettings {
    fn check(arguments: FileArguments) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        match RenderSettings::check(arguments.rendering, &mut mistakes) {
            Some(render) if mistakes.0.is_empty() => Ok(Self {
                files: arguments.files,
                out: arguments.out,
                output: arguments.output,
                render,
            }),
            _ => Err(mistakes),
        }
    }
}

impl RenderSettings {
    /// `None` only after a mistake.
    fn check(arguments: RenderingArguments, mistakes: &mut Mistakes) -> Option<Self> {
        let recipe: Option<Recipe> = mistakes.parsed("recipe", &arguments.recipe);
        let style = mistakes.parsed("watermark-style", &arguments.watermark_style);
        let watermark = arguments.watermark.filter(|text| !text.is_empty());
        let watermark = watermark.map(|text| mistakes.parsed("watermark", &text));
        let max_bytes = mistakes.positive("max-source-bytes", &arguments.max_source_bytes);
        let max_pixels = mistakes.positive("max-pixels", &arguments.max_pixels);
        let max_frames: Option<NonZeroU32> = mistakes.parsed("max-frames", &arguments.max_frames);
        let timeout = mistakes.positive("render-timeout", &arguments.render_timeout);
        let (recipe, style) = (recipe?, style?);
        Some(Self {
            recipe: if arguments.keep_copyright {
                recipe.with_copyright()
            } else {
                recipe
            },
            watermark: match watermark {
                Some(place) => Some((place?, style)),
                None => None,
            },
            limits: Limits {
                max_bytes: max_bytes? as u64,
                max_pixels: max_pixels? as u64,
                max_frames: max_frames?.get(),
            },
            timeout: Duration::from_secs(timeout? as u64),
        })
    }
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(object) = text.strip_prefix("s3://") else {
            return Ok(Self::File(text.into()));
        };
        match object.split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
                Ok(Self::Object(ObjectRef {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                }))
            }
            _ => Err("is not of the form s3://bucket/key"),
        }
    }
}

impl Settings {
    #[cfg(test)]
    fn from_variables<'a>(
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Mistakes> {
        let flag = |name: &str| {
            format!(
                "--{}",
                name.trim_start_matches("IMAGE_FLEET_")
                    .to_lowercase()
                    .replace('_', "-")
            )
        };
        let flags = variables
            .into_iter()
            .map(|(name, value)| format!("{}={value}", flag(name)));
        Self::check(Arguments::parse_from(
            std::iter::once("worker".to_owned()).chain(flags),
        ))
    }

    fn check(arguments: Arguments) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);

        let queue_url = mistakes.required("queue-url", arguments.queue_url);
        let source_bucket = mistakes.required("source-bucket", arguments.source_bucket);
        let variants_bucket = mistakes.required("variants-bucket", arguments.variants_bucket);
        let table = mistakes.required("table", arguments.table);
        let topic_arn = mistakes.required("topic-arn", arguments.topic_arn);
        let render = RenderSettings::check(arguments.rendering, &mut mistakes);
        let variant_key = mistakes.parsed("variant-key", &arguments.variant_key);
        let slots = arguments
            .slots
            .map_or(Some(SLOTS_PER_CORE * cores), |text| {
                mistakes.positive("slots", &text)
            });
        let ingest_timeout = mistakes.positive("ingest-timeout", &arguments.ingest_timeout);
        let listen = mistakes.parsed("listen", &arguments.listen);
        let shutdown_grace = mistakes.positive("shutdown-grace", &arguments.shutdown_grace);

        if source_bucket.is_some() && source_bucket == variants_bucket {
            mistakes.add(
                "variants-bucket",
                "is the source bucket: variants there would become jobs themselves",
            );
        }
        if !arguments.source_prefix.is_empty() && !arguments.source_prefix.ends_with('/') {
            mistakes.add("source-prefix", "must end with a slash");
        }
        if !mistakes.0.is_empty() {
            return Err(mistakes);
        }
        let checked = || -> Option<Self> {
            Some(Self {
                queue_url: queue_url?,
                source_bucket: source_bucket?,
                source_prefix: arguments.source_prefix,
                variants_bucket: variants_bucket?,
                table: table?,
                topic_arn: topic_arn?,
                render: render?,
                variant_key: variant_key?,
                cores,
                slots: slots?,
                ingest_timeout: Duration::from_secs(ingest_timeout? as u64),
                allow_private_urls: arguments.allow_private_urls,
                listen: listen?,
                shutdown_grace: Duration::from_secs(shutdown_grace? as u64),
                worker: worker_name(),
            })
        };
        Ok(checked().expect("what is absent is among the mistakes"))
    }
}

impl Mistakes {
    fn required(&mut self, flag: &str, value: Option<String>) -> Option<String> {
        let value = value.filter(|value| !value.is_empty());
        if value.is_none() {
            self.add(flag, "is not set");
        }
        value
    }

    fn parsed<T: FromStr<Err: Display>>(&mut self, flag: &str, text: &str) -> Option<T> {
        text.parse()
            .map_err(|error| self.add(flag, format!("{text:?}: {error}")))
            .ok()
    }

    fn positive(&mut self, flag: &str, text: &str) -> Option<usize> {
        self.parsed::<NonZeroUsize>(flag, text)
            .map(NonZeroUsize::get)
    }

    fn add(&mut self, flag: &str, what: impl Display) {
        let variable = flag.to_uppercase().replace('-', "_");
        self.0
            .insert(format!("--{flag} (IMAGE_FLEET_{variable}) {what}"));
    }

    /// Prints them all and returns the exit code for wrong usage.
    pub fn report(&self) -> ExitCode {
        use std::io::Write as _;
        let lines: String = self
            .0
            .iter()
            .map(|mistake| format!("error: {mistake}\n"))
            .collect();
        // If standard error is gone there is nobody to tell.
        let _ = write!(
            std::io::stderr(),
            "{lines}\nFor more information, try 'worker --help'.\n"
        );
        ExitCode::from(2)
    }
}

fn worker_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}/{}", host.trim(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 5] = [
        ("IMAGE_FLEET_QUEUE_URL", "http://127.0.0.1/q"),
        ("IMAGE_FLEET_SOURCE_BUCKET", "s"),
        ("IMAGE_FLEET_VARIANTS_BUCKET", "v"),
        ("IMAGE_FLEET_TABLE", "t"),
        ("IMAGE_FLEET_TOPIC_ARN", "arn"),
    ];

    fn mistakes(overrides: &[(&str, &str)]) -> Vec<String> {
        let kept = COMPLETE
            .iter()
            .filter(|(name, _)| !overrides.iter().any(|(other, _)| other == name));
        let settings = Settings::from_variables(kept.chain(overrides).copied());
        settings
            .err()
            .map_or(Vec::new(), |mistakes| mistakes.0.into_iter().collect())
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(mistakes(&[]), Vec::<String>::new());
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let found = mistakes(&[
            ("IMAGE_FLEET_TABLE", ""),
            ("IMAGE_FLEET_RECIPE", "small"),
            ("IMAGE_FLEET_SLOTS", "0"),
        ]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found
                .iter()
                .any(|mistake| mistake == "--table (IMAGE_FLEET_TABLE) is not set")
        );
    }

    #[test]
    fn variants_cannot_go_where_the_notifications_listen() {
        let found = mistakes(&[("IMAGE_FLEET_VARIANTS_BUCKET", "s")]);
        assert!(
            found[0].contains("variants there would become jobs themselves"),
            "{found:?}"
        );
    }
}
