//! `producer dlq`: messages that were received too often.

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use shared::queue::{MAX_BATCH, MoveTask, Queue, QueueSettings, Redrive};

use crate::Error;
use crate::cli::{Output, Replay};

/// How often a move that SQS performs is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Long enough for SQS to ask all its servers whether the queue is empty.
const LAST_POLL: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Replayed {
    moved: u64,
    /// Messages that failed again while others were still being moved. They are on the dead-letter
    /// queue.
    returned: u64,
    /// Whether SQS moved them, or this command.
    by: &'static str,
}

/// Moves every message on the dead-letter queue back to the queue.
pub async fn replay(arguments: Replay, output: Output) -> Result<ExitCode, Error> {
    let queue = Queue::new(&shared::aws::config().await, arguments.queue.queue_url);
    let QueueSettings { arn, redrive, .. } = queue.settings().await?;
    let redrive = redrive
        .ok_or("the queue has no redrive policy: there is no dead-letter queue to replay")?;
    let replayed = match start(&queue, &redrive, &arn).await? {
        Some(earlier) => follow(&queue, &redrive, earlier).await?,
        None => {
            eprintln!("the endpoint has no StartMessageMoveTask: moving the messages one by one");
            move_all(&queue.dead_letter_queue(&redrive).await?, &queue).await?
        }
    };
    output.write(&replayed, || describe(&replayed))?;
    Ok(ExitCode::SUCCESS)
}

/// Has SQS begin a move. Returns when the move before it began, so that the two are not mistaken;
/// `None` when the endpoint does not know moves.
async fn start(queue: &Queue, redrive: &Redrive, to: &str) -> Result<Option<Option<i64>>, Error> {
    let from = &redrive.dead_letter_target_arn;
    // An endpoint that does not know moves refuses this too.
    let earlier = queue
        .latest_move(from)
        .await
        .ok()
        .flatten()
        .map(|task| task.started_at);
    let started = queue.start_move(from, to).await?;
    Ok(started.map(|()| earlier))
}

async fn follow(queue: &Queue, redrive: &Redrive, earlier: Option<i64>) -> Result<Replayed, Error> {
    loop {
        let task = queue.latest_move(&redrive.dead_letter_target_arn).await?;
        match task.filter(|task| Some(task.started_at) != earlier) {
            Some(MoveTask { status, moved, .. }) if status == "COMPLETED" => {
                return Ok(Replayed {
                    moved,
                    returned: 0,
                    by: "sqs",
                });
            }
            Some(MoveTask {
                status,
                moved,
                failure,
                ..
            }) if status != "RUNNING" => {
                let failure = failure.unwrap_or_default();
                return Err(format!(
                    "the move ended as {status} after {moved} messages: {failure}"
                )
                .into());
            }
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

/// Send, confirm, delete: a message is in one queue at least at any time, and in both if this is
/// interrupted.
async fn move_all(from: &Queue, to: &Queue) -> Result<Replayed, Error> {
    let mut sent = HashSet::new();
    let mut returned = Vec::new();
    loop {
        let messages = from.receive(MAX_BATCH, LAST_POLL).await?;
        if messages.is_empty() {
            break;
        }
        for message in messages {
            // A message keeps its id when SQS moves it here: this one has failed again, and would
            // go round for ever.
            if sent.contains(&message.id) {
                returned.push(message);
                continue;
            }
            sent.insert(to.send(&message.body).await?);
            from.delete(&message).await?;
        }
    }
    for message in &returned {
        from.hide(message, Duration::ZERO).await?;
    }
    Ok(Replayed {
        moved: sent.len() as u64,
        returned: returned.len() as u64,
        by: "producer",
    })
}

fn describe(replayed: &Replayed) -> String {
    let mut text = format!(
        "moved {} message(s) from the dead-letter queue back to the queue",
        replayed.moved
    );
    if replayed.returned > 0 {
        text.push_str(&format!("; {} came back at once", replayed.returned));
    }
    text
}
