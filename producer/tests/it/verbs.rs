//! Each verb, when all is well and when it is not.

use std::process::Output;

use serde_json::Value;
use shared::job::{self, Job};

use crate::support::Stack;

/// The smallest PNG: one gray pixel.
const PIXEL: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55\x00\x00\x00\x0a\x49\x44\x41\x54\x78\x9c\x63\x68\x00\x00\x00\x82\x00\x81\x77\xcd\x72\xb6\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Vec<Value> {
    text(output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn enqueue_sends_one_job_per_url_and_says_where_the_picture_will_be() {
    let stack = Stack::start().await;
    stack.take_messages().await;
    let urls = [
        "https://example.com/cats/1.jpg",
        "https://example.com/cats/2.jpg?token=secret",
    ];
    let output = stack
        .producer(&["enqueue", "--output", "json", urls[0], urls[1]])
        .await;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let enqueued = json(&output);
    assert_eq!(enqueued[0]["key"], "images/url/90011fc0ddd1cc5b/1.jpg");

    let mut bodies = stack.take_messages().await;
    bodies.sort();
    for (body, url) in bodies.iter().zip(urls) {
        let jobs = job::read(body).unwrap();
        assert!(
            matches!(&jobs[..], [Job::Ingest(ingest)] if ingest.url == url),
            "{body}"
        );
    }
    assert_eq!(bodies.len(), 2);

    let output = stack.producer(&["enqueue", urls[1]]).await;
    assert!(
        text(&output).starts_with("enqueued https://example.com/cats/2.jpg as images/url/"),
        "{}",
        text(&output)
    );
    assert!(!text(&output).contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn enqueue_sends_nothing_when_one_url_is_wrong() {
    let stack = Stack::start().await;
    stack.take_messages().await;
    let output = stack
        .producer(&[
            "enqueue",
            "https://example.com/1.jpg",
            "ftp://example.com/2.jpg",
        ])
        .await;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        errors(&output).contains("use http or https"),
        "{}",
        errors(&output)
    );
    assert!(stack.take_messages().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn status_waits_and_tells_ready_from_rejected_and_unknown() {
    let stack = Stack::start().await;
    let output = stack.producer(&["status", "images/absent.png"]).await;
    assert_eq!(
        (output.status.code(), text(&output).contains("no record")),
        (Some(1), true)
    );

    let _worker = stack.worker(&[]);
    stack.put("images/pixel.png", PIXEL).await;
    let output = stack
        .producer(&["status", "--wait", "images/pixel.png"])
        .await;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(
        text(&output).starts_with("images/pixel.png  ready  1x1 png"),
        "{}",
        text(&output)
    );
    assert!(
        text(&output).contains("s3://image-fleet-variants-"),
        "{}",
        text(&output)
    );

    stack.put("images/text.png", "text").await;
    let output = stack
        .producer(&["status", "--wait", "images/text.png"])
        .await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("unsupported_format: a file that is no picture is not supported"),
        "{}",
        text(&output)
    );

    let output = stack
        .producer(&[
            "status",
            "--output",
            "json",
            "images/pixel.png",
            "images/absent.png",
        ])
        .await;
    let statuses: Vec<Value> = json(&output)
        .into_iter()
        .map(|mut line| line["status"].take())
        .collect();
    assert_eq!(statuses, ["ready", "unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_can_be_followed_from_enqueue_to_its_end() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&[]);
    let url = "http://127.0.0.1:9/private.jpg?token=secret";
    assert_eq!(
        stack.producer(&["enqueue", url]).await.status.code(),
        Some(0)
    );
    let output = stack.producer(&["status", "--wait", url]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("rejected") && text(&output).contains("url_forbidden"),
        "{}",
        text(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_its_time_is_up() {
    let stack = Stack::start().await;
    let output = stack
        .producer(&["status", "--wait", "--timeout", "1", "images/never.png"])
        .await;
    assert_eq!(
        (output.status.code(), text(&output).contains("no record")),
        (Some(1), true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dlq_replay_brings_every_message_back() {
    let stack = Stack::with(&[
        "LongPollSeconds=1",
        "VisibilityTimeoutSeconds=4",
        "MaxReceiveCount=2",
    ])
    .await;
    let broken = stack.worker(&[]);
    for at in 0..23 {
        stack.queue.send(&format!("unreadable {at}")).await.unwrap();
    }
    stack.wait_for_dead_letters(23).await;
    stack.wait_until_drained().await;
    broken.stop().await;

    let output = stack.producer(&["dlq", "replay"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(
        text(&output),
        "moved 23 message(s) from the dead-letter queue back to the queue\n"
    );
    assert!(
        errors(&output).contains("no StartMessageMoveTask"),
        "{}",
        errors(&output)
    );
    stack.wait_for_dead_letters(0).await;
    let mut bodies = stack.take_messages().await;
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 23);

    let output = stack.producer(&["dlq", "replay", "--output", "json"]).await;
    assert_eq!(json(&output)[0]["moved"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_ends_even_when_messages_fail_again_at_once() {
    let stack = Stack::with(&[
        "LongPollSeconds=1",
        "VisibilityTimeoutSeconds=4",
        "MaxReceiveCount=2",
    ])
    .await;
    let _worker = stack.worker(&[]);
    for at in 0..12 {
        stack.queue.send(&format!("unreadable {at}")).await.unwrap();
    }
    stack.wait_for_dead_letters(12).await;
    let output = stack.producer(&["dlq", "replay", "--output", "json"]).await;
    assert_eq!(
        (output.status.code(), &json(&output)[0]["moved"]),
        (Some(0), &Value::from(12)),
        "{}",
        errors(&output)
    );
    stack.wait_for_dead_letters(12).await;
    stack.wait_until_drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repaired_cause_and_a_replay_make_the_picture_ready() {
    let stack = Stack::with(&[
        "LongPollSeconds=1",
        "VisibilityTimeoutSeconds=4",
        "MaxReceiveCount=2",
    ])
    .await;
    stack.take_messages().await;
    stack.put("images/pixel.png", PIXEL).await;
    let broken = stack.worker(&["--variants-bucket", "a-bucket-that-is-absent"]);
    stack.wait_for_dead_letters(1).await;
    let record = stack.record("images/pixel.png").await.unwrap();
    assert_eq!(record.status.as_str(), "failed");
    assert!(
        record
            .reason
            .unwrap()
            .detail
            .contains("cannot store s3://a-bucket-that-is-absent/")
    );
    broken.stop().await;

    let _worker = stack.worker(&[]);
    assert_eq!(
        stack.producer(&["dlq", "replay"]).await.status.code(),
        Some(0)
    );
    let record = stack
        .record_when("images/pixel.png", |record| {
            record.status.as_str() == "ready"
        })
        .await;
    assert_eq!(record.variants.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_absent_is_named() {
    let stack = Stack::start().await;
    let url = format!("{}-absent", stack.queue_url());
    for verb in [
        &["enqueue", "https://example.com/1.jpg"][..],
        &["dlq", "replay"],
    ] {
        let output = stack
            .producer(&[verb, &["--queue-url", &url]].concat())
            .await;
        assert_eq!(output.status.code(), Some(1));
        assert!(
            errors(&output).contains("image-fleet-jobs-absent"),
            "{}",
            errors(&output)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_ends_with_exit_code_2() {
    let stack = Stack::start().await;
    for arguments in [
        &["enqueue"][..],
        &["status"],
        &["dlq"],
        &["dance"],
        &["status", "--timeout", "1", "images/a.jpg"],
    ] {
        assert_eq!(
            stack.producer(arguments).await.status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}
