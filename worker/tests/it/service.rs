//! The worker as a process: health, settings, signals.

use std::process::Command;

use crate::support::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_says_that_it_is_alive_and_ready() {
    let stack = Stack::start().await;
    let worker = stack.worker(&[]);
    assert_eq!(worker.get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(worker.get("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(worker.metric("image_fleet_draining").await, 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_stops_when_its_poll_is_answered() {
    let stack = Stack::start().await;
    let mut worker = stack.worker(&[]);
    stack.wait_until_drained().await;
    worker.terminate();
    assert_eq!(worker.exit_code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_there_ends_the_worker_with_one_clear_line() {
    let stack = Stack::start().await;
    let absent = format!("{}-absent", stack.queue_url());
    let mut worker = stack.worker(&["--queue-url", &absent]);
    assert_eq!(worker.exit_code().await, Some(1));
    let log = worker.log();
    assert!(
        log.contains("the queue is not usable") && log.contains(&absent),
        "{log}"
    );
}

#[test]
fn wrong_settings_are_all_named_and_end_with_exit_code_2() {
    let output = Command::new(env!("CARGO_BIN_EXE_worker"))
        .env_clear()
        .args([
            "--recipe",
            "thumb=0",
            "--listen",
            "nowhere",
            "--queue-url",
            "http://127.0.0.1:1/q",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    for expected in [
        "--recipe (IMAGE_FLEET_RECIPE) \"thumb=0\": size \"0\" is not a width",
        "--listen (IMAGE_FLEET_LISTEN)",
        "--source-bucket (IMAGE_FLEET_SOURCE_BUCKET) is not set",
        "--topic-arn (IMAGE_FLEET_TOPIC_ARN) is not set",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in {text}");
    }
}
