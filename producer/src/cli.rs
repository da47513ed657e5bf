//! The command line.

use std::io::{self, Write as _};

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use shared::identity::{ImageId, ObjectRef, SourceUrl};

/// Puts URLs on the queue, shows what became of pictures, replays the dead-letter queue.
///
/// Region, credentials and endpoint are the SDK's: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, …
/// Exit codes: 0 all well, 1 something failed, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "producer", version, max_term_width = 120)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// For people, or one JSON object per line for programs
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub output: Output,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask the fleet to ingest the pictures behind URLs
    Enqueue(Enqueue),
    /// Show what became of pictures
    Status(Status),
    /// Look after the dead-letter queue
    #[command(subcommand)]
    Dlq(DlqCommand),
}

/// The verbs of the dead-letter queue.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// Move every message back to the queue that it came from
    Replay(Replay),
}

/// `enqueue`
#[derive(Args, Debug)]
pub struct Enqueue {
    /// Pictures to ingest: http or https
    #[arg(required = true, value_name = "URL")]
    pub urls: Vec<SourceUrl>,
    /// Where to send.
    #[command(flatten)]
    pub queue: QueueAt,
    /// Where they will be kept.
    #[command(flatten)]
    pub bucket: BucketAt,
}

/// `status`
#[derive(Args, Debug)]
pub struct Status {
    /// Keys in the source bucket, `s3://bucket/key`, or URLs that were enqueued
    #[arg(required = true, value_name = "KEY|URL")]
    pub images: Vec<String>,
    /// Wait until every picture is ready, rejected or failed
    #[arg(long)]
    pub wait: bool,
    /// Seconds to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "wait")]
    pub timeout: u64,
    /// Table of records
    #[arg(long, env = "IMAGE_FLEET_TABLE", value_name = "NAME")]
    pub table: String,
    /// Where pictures are.
    #[command(flatten)]
    pub bucket: BucketAt,
}

/// `dlq replay`
#[derive(Args, Debug)]
pub struct Replay {
    /// Whose dead-letter queue, and where its messages go.
    #[command(flatten)]
    pub queue: QueueAt,
}

/// Which queue.
#[derive(Args, Debug)]
pub struct QueueAt {
    /// URL of the queue that workers poll
    #[arg(long, env = "IMAGE_FLEET_QUEUE_URL", value_name = "URL")]
    pub queue_url: String,
}

/// Which bucket.
#[derive(Args, Debug)]
pub struct BucketAt {
    /// Bucket of originals
    #[arg(long, env = "IMAGE_FLEET_SOURCE_BUCKET", value_name = "BUCKET")]
    pub source_bucket: String,
    /// Prefix that the bucket's notifications listen to
    #[arg(
        long,
        env = "IMAGE_FLEET_SOURCE_PREFIX",
        value_name = "PREFIX",
        default_value = "images/"
    )]
    pub source_prefix: String,
}

impl BucketAt {
    /// Where the picture behind a URL is kept.
    pub fn ingested(&self, url: &SourceUrl) -> ObjectRef {
        self.object(url.key(&self.source_prefix))
    }

    /// A key of this bucket.
    pub fn object(&self, key: impl Into<String>) -> ObjectRef {
        ObjectRef {
            bucket: self.source_bucket.clone(),
            key: key.into(),
        }
    }

    /// What a person means by a key, an `s3://` address or a URL.
    pub fn find(&self, text: &str) -> Result<(ObjectRef, ImageId), crate::Error> {
        let object = match text.split_once("://") {
            Some(("s3", path)) => {
                let (bucket, key) = path
                    .split_once('/')
                    .ok_or_else(|| format!("{text}: write s3://bucket/key"))?;
                ObjectRef {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                }
            }
            Some(("http" | "https", _)) => {
                self.ingested(&text.parse().map_err(|error| format!("{text}: {error}"))?)
            }
            _ => self.object(text),
        };
        let image_id = ImageId::of(&object);
        Ok((object, image_id))
    }
}

/// How results are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One object per line.
    Json,
}

impl Output {
    /// Writes one result to standard output.
    pub fn write(self, result: &impl Serialize, text: impl FnOnce() -> String) -> io::Result<()> {
        let line = match self {
            Self::Text => text(),
            Self::Json => serde_json::to_string(result)?,
        };
        writeln!(io::stdout(), "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> String {
        let bucket = BucketAt {
            source_bucket: "pictures".into(),
            source_prefix: "images/".into(),
        };
        bucket
            .find(text)
            .map_or_else(|error| error.to_string(), |(object, _)| object.to_string())
    }

    #[test]
    fn a_key_an_address_and_a_url_lead_to_the_same_kind_of_thing() {
        assert_eq!(find("images/a b.jpg"), "s3://pictures/images/a b.jpg");
        assert_eq!(find("s3://others/images/a.jpg"), "s3://others/images/a.jpg");
        assert_eq!(
            find("https://example.com/cats/1.jpg"),
            "s3://pictures/images/url/90011fc0ddd1cc5b/1.jpg"
        );
        assert_eq!(find("s3://others"), "s3://others: write s3://bucket/key");
        assert!(find("https://me:pw@e.com/1.jpg").contains("credentials"));
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
