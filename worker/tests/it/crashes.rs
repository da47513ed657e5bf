//! Workers die and are told to stop; nothing is lost and nothing stays hidden.

use std::time::{Duration, Instant};

use shared::record::Status;

use crate::samples::{jpeg, slow_jpeg};
use crate::support::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_loses_nothing() {
    let stack = Stack::start().await;
    stack.take_messages().await;
    stack.put("images/slow.jpg", slow_jpeg()).await;
    let mut first = stack.worker(&[]);
    wait_until_hidden(&stack, 1).await;
    first.kill();
    assert_eq!(
        stack.record("images/slow.jpg").await,
        None,
        "the picture was too fast to be killed over"
    );

    let _second = stack.worker(&[]);
    let record = stack.wait_for_record("images/slow.jpg").await;
    assert_eq!((record.status, record.attempts), (Status::Ready, 2));
    stack.wait_until_drained().await;
    stack.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_longer_than_the_visibility_timeout_is_done_once() {
    let stack = Stack::with(&["LongPollSeconds=1", "VisibilityTimeoutSeconds=3"]).await;
    let server = crate::urls::Server::start().await;
    let workers = [
        stack.worker(&["--allow-private-urls"]),
        stack.worker(&["--allow-private-urls"]),
    ];
    let url = server.url("/slow/8/picture.jpg");
    stack.queue.send(&crate::urls::job(&url)).await.unwrap();
    let record = stack.wait_for_record(&crate::urls::key(&url)).await;
    assert_eq!(record.status, Status::Ready);
    stack.wait_until_drained().await;
    let mut received = 0.0;
    for worker in &workers {
        received += worker.metric("image_fleet_messages_received_total").await;
        assert_eq!(worker.metric("image_fleet_leases_lost_total").await, 0.0);
    }
    assert_eq!(
        received, 3.0,
        "the test event, the job, and the event of its picture"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_what_is_in_flight_and_leaves_nothing_hidden() {
    let stack = Stack::with(&["LongPollSeconds=1", "VisibilityTimeoutSeconds=60"]).await;
    stack.take_messages().await;
    let slow = slow_jpeg();
    for at in 0..4 {
        stack.put(&format!("images/{at}.jpg"), slow.clone()).await;
    }
    let mut worker = stack.worker(&["--slots", "3"]);
    wait_until_hidden(&stack, 3).await;
    worker.terminate();
    let draining = (503, "draining\n".to_owned());
    while worker.get("/readyz").await != draining {
        tokio::time::sleep(Duration::from_millis(10)).await; // The signal is on its way.
    }
    assert_eq!(worker.exit_code().await, Some(0));

    let url = stack.queue_url().to_owned();
    assert_eq!(
        stack.depth_of(&url).await,
        (1, 0),
        "three are done, the fourth was never taken"
    );
    let mut ready = 0;
    for at in 0..4 {
        ready += usize::from(stack.record(&format!("images/{at}.jpg")).await.is_some());
    }
    assert_eq!(ready, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_finish_within_the_grace_is_handed_back() {
    let stack = Stack::with(&["LongPollSeconds=1", "VisibilityTimeoutSeconds=60"]).await;
    let server = crate::urls::Server::start().await;
    let mut worker = stack.worker(&["--allow-private-urls", "--shutdown-grace", "1"]);
    stack
        .queue
        .send(&crate::urls::job(&server.url("/slow/50/a.jpg")))
        .await
        .unwrap();
    server.wait_for_visitors(1).await;
    worker.terminate();
    assert_eq!(worker.exit_code().await, Some(0));
    assert_eq!(stack.depth_of(stack.queue_url()).await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_killed_at_random_under_load_lose_nothing() {
    let stack = Stack::start().await;
    let keys: Vec<String> = (0..60).map(|at| format!("images/{at}.jpg")).collect();
    let mut workers = [stack.worker(&[]), stack.worker(&[])];
    let picture = jpeg(1600, 1200);
    for (at, key) in keys.iter().enumerate() {
        stack.put(key, picture.clone()).await;
        if at % 10 == 9 {
            let victim = at / 10 % 2;
            workers[victim].kill();
            workers[victim] = stack.worker(&[]);
        }
    }
    for key in &keys {
        let record = stack.wait_for_record(key).await;
        assert_eq!(
            (record.status, record.variants.len()),
            (Status::Ready, 4),
            "{key}"
        );
    }
    stack.wait_until_drained().await;
    stack.wait_for_dead_letters(0).await;
    assert_eq!(stack.variant_keys().await.len(), 4 * keys.len());
}

async fn wait_until_hidden(stack: &Stack, count: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while stack.depth_of(stack.queue_url()).await.1 != count {
        assert!(Instant::now() < deadline, "no worker took {count} messages");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
