//! `producer enqueue`: one ingest job per URL.

use std::process::ExitCode;

use serde::Serialize;
use shared::identity::ImageId;
use shared::job::Ingest;
use shared::queue::Queue;

use crate::Error;
use crate::cli::{Enqueue, Output};

#[derive(Serialize)]
struct Enqueued {
    url: String,
    key: String,
    image_id: ImageId,
    message_id: String,
}

/// Sends a job for each URL and says where its picture will be. URLs have been checked by then, all
/// of them.
pub async fn run(arguments: Enqueue, output: Output) -> Result<ExitCode, Error> {
    let queue = Queue::new(&shared::aws::config().await, arguments.queue.queue_url);
    for url in &arguments.urls {
        let object = arguments.bucket.ingested(url);
        let job = Ingest {
            url: url.as_str().to_owned(),
            key: object.key.clone(),
        };
        let message_id = queue.send(&job.body()).await?;
        let enqueued = Enqueued {
            url: job.url,
            key: job.key,
            image_id: ImageId::of(&object),
            message_id,
        };
        output.write(&enqueued, || format!("enqueued {url} as {}", enqueued.key))?;
    }
    Ok(ExitCode::SUCCESS)
}
