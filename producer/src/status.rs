//! `producer status`: what is on record.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::Serialize;
use shared::catalog::Catalog;
use shared::identity::{ImageId, ObjectRef};
use shared::record::{Record, Status as Ended};

use crate::Error;
use crate::cli::{Output, Status};

/// How often a record that is waited for is looked up.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What is known of an image without a record.
#[derive(Serialize)]
struct Unknown<'a> {
    image_id: ImageId,
    source: &'a ObjectRef,
    status: &'static str,
}

/// Shows each image's record. Succeeds when all of them are ready.
pub async fn run(arguments: Status, output: Output) -> Result<ExitCode, Error> {
    let images = arguments
        .images
        .iter()
        .map(|text| arguments.bucket.find(text))
        .collect::<Result<Vec<_>, _>>()?;
    let catalog = Catalog::new(&shared::aws::config().await, arguments.table);
    let patience = if arguments.wait {
        Duration::from_secs(arguments.timeout)
    } else {
        Duration::ZERO
    };
    let deadline = Instant::now() + patience;
    let mut all_ready = true;
    for (object, image_id) in images {
        let record = look_up(&catalog, &image_id, deadline).await?;
        all_ready &= record
            .as_ref()
            .is_some_and(|record| record.status == Ended::Ready);
        match &record {
            Some(record) => output.write(record, || describe(record))?,
            None => output.write(
                &Unknown {
                    image_id,
                    source: &object,
                    status: "unknown",
                },
                || {
                    format!(
                        "{}  no record: not processed yet, or never uploaded",
                        object.key
                    )
                },
            )?,
        }
    }
    Ok(if all_ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn look_up(
    catalog: &Catalog,
    image_id: &ImageId,
    deadline: Instant,
) -> Result<Option<Record>, Error> {
    loop {
        let record = catalog.get(image_id).await?;
        if record.is_some() || Instant::now() >= deadline {
            return Ok(record);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn describe(record: &Record) -> String {
    let mut text = format!("{}  {}", record.source.object.key, record.status);
    let mut add = |more: std::fmt::Arguments<'_>| {
        text.write_fmt(more)
            .expect("writing to a String cannot fail");
    };
    if let Some(picture) = &record.picture {
        add(format_args!(
            "  {}x{} {}",
            picture.width, picture.height, picture.format
        ));
    }
    add(format_args!("  {} ms", record.processing_ms));
    if let Some(reason) = &record.reason {
        add(format_args!("\n  {}: {}", reason.code, reason.detail));
    }
    for variant in &record.variants {
        let size = format!("{}x{}", variant.width, variant.height);
        add(format_args!(
            "\n  {:<10} {size:<10} {:>8} bytes  s3://{}/{}",
            variant.name, variant.bytes, variant.bucket, variant.key
        ));
    }
    text
}
