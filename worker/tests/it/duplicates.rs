//! Messages come more than once, and in every envelope.

use serde_json::json;
use shared::record::Status;

use crate::samples::jpeg;
use crate::support::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_ten_times_renders_once() {
    let stack = Stack::start().await;
    stack.put("images/a.jpg", jpeg(600, 400)).await;
    let event = stack
        .take_messages()
        .await
        .into_iter()
        .find(|body| body.contains("images/a.jpg"))
        .unwrap();
    for _ in 0..10 {
        stack.queue.send(&event).await.unwrap();
    }
    let worker = stack.worker(&[]);
    stack.wait_until_drained().await;
    assert_eq!(
        worker
            .metric(r#"image_fleet_jobs_total{kind="render",outcome="ready"}"#)
            .await,
        1.0
    );
    assert_eq!(
        worker
            .metric(r#"image_fleet_skips_total{reason="current"}"#)
            .await,
        9.0
    );
    assert_eq!(stack.variant_keys().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_the_same_bytes_renders_nothing_and_is_answered() {
    let stack = Stack::start().await;
    let worker = stack.worker(&[]);
    stack.put("images/a.jpg", jpeg(600, 400)).await;
    let first = stack.wait_for_record("images/a.jpg").await;
    stack.put("images/a.jpg", jpeg(600, 400)).await;
    let second = stack
        .record_when("images/a.jpg", |record| record.sequencer > first.sequencer)
        .await;
    assert_eq!(
        (second.notification_id, second.updated_at),
        (first.notification_id, first.updated_at)
    );
    assert_eq!(
        worker
            .metric(r#"image_fleet_jobs_total{kind="render",outcome="ready"}"#)
            .await,
        1.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_and_every_envelope_of_an_event_is_done() {
    let stack = Stack::start().await;
    let keys = [
        "images/1.jpg",
        "images/2.jpg",
        "images/3.jpg",
        "images/4.jpg",
    ];
    for key in keys {
        stack.put(key, jpeg(300, 200)).await;
    }
    stack.take_messages().await;
    let bucket = stack.variable("IMAGE_FLEET_SOURCE_BUCKET");
    let record = |key: &str| {
        let object = json!({"key": key, "sequencer": "0055AED6DCD90281E5"});
        json!({"eventVersion": "2.1", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": object}})
    };
    let both = json!({"Records": [record(keys[0]), record(keys[1])]});
    let third = json!({"Records": [record(keys[2])]}).to_string();
    let wrapped =
        json!({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": third});
    let object = json!({"key": keys[3], "sequencer": "0055AED6DCD90281E5"});
    let detail = json!({"bucket": {"name": bucket}, "object": object});
    let bridged = json!({"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail});
    for body in [both, wrapped, bridged] {
        stack.queue.send(&body.to_string()).await.unwrap();
    }
    let _worker = stack.worker(&[]);
    for key in keys {
        assert_eq!(
            stack.wait_for_record(key).await.status,
            Status::Ready,
            "{key}"
        );
    }
    stack.wait_until_drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_event_disappears_quietly() {
    let stack = Stack::start().await; // S3 has sent one when the notification was set up.
    let url = stack.queue_url().to_owned();
    assert_eq!(stack.depth_of(&url).await, (1, 0));
    let worker = stack.worker(&[]);
    stack.wait_until_drained().await;
    stack.wait_for_dead_letters(0).await;
    assert_eq!(
        worker.metric("image_fleet_messages_received_total").await,
        1.0
    );
    assert!(
        !worker.log().contains("WARN") && !worker.log().contains("job done"),
        "{}",
        worker.log()
    );
}
