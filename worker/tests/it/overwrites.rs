//! The record describes the object that is in the bucket now.

use shared::record::Record;

use crate::samples::plain;
use crate::support::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn an_overwritten_key_ends_with_the_newest_picture_whatever_the_order_of_its_events() {
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let stack = Stack::start().await;
    let key = |at: usize| format!("images/{at}.jpg");
    let mut newest = Vec::new();
    for at in 0..orders.len() {
        stack.put(&key(at), plain(10)).await;
        stack.put(&key(at), plain(200)).await;
        newest.push(stack.put(&key(at), plain(90)).await);
    }
    let mut events = stack.take_messages().await;
    events.sort_by_key(|body| sequencer(body));
    for (at, order) in orders.iter().enumerate() {
        let of_key: Vec<&String> = events
            .iter()
            .filter(|body| body.contains(&key(at)))
            .collect();
        assert_eq!(of_key.len(), 3);
        for event in order {
            stack.queue.send(of_key[*event]).await.unwrap();
        }
    }
    let _workers = [stack.worker(&[]), stack.worker(&[])];
    stack.wait_until_drained().await;
    for (at, etag) in newest.into_iter().enumerate() {
        let record = stack.record(&key(at)).await.unwrap();
        assert_eq!(record.source.etag, Some(etag), "{:?}", orders[at]);
        assert!(
            events.iter().any(|body| body.contains(&key(at))
                && sequencer(body) == record.sequencer.as_str()[..18])
        );
        check_variants(&stack, &record).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_overwritten_while_workers_work_ends_with_the_newest_picture() {
    let stack = Stack::start().await;
    let _workers = [stack.worker(&[]), stack.worker(&[])];
    let mut newest = String::new();
    for round in 0..20u8 {
        newest = stack.put("images/a.jpg", plain(round % 3 * 100)).await;
    }
    let record = stack
        .record_when("images/a.jpg", |record| {
            record.source.etag.as_ref() == Some(&newest)
        })
        .await;
    stack.wait_until_drained().await;
    let last = stack.record("images/a.jpg").await.unwrap();
    assert_eq!(last.source.etag, record.source.etag);
    check_variants(&stack, &last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn variants_of_a_replaced_picture_are_marked_for_removal_and_live_ones_are_not() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&[]);
    let mut records: Vec<Record> = Vec::new();
    for shade in [10, 200, 10] {
        let etag = stack.put("images/a.jpg", plain(shade)).await;
        let record = stack
            .record_when("images/a.jpg", |record| {
                record.source.etag.as_ref() == Some(&etag)
            })
            .await;
        stack.wait_until_drained().await;
        records.push(record);
    }
    let live = records.pop().unwrap();
    check_variants(&stack, &live).await;
    for replaced in records {
        for variant in replaced.variants {
            assert!(stack.is_superseded(&variant.key).await, "{}", variant.key);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_replaced_by_garbage_is_rejected_and_the_other_way_round() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&[]);
    let statuses = |record: &Record| record.status.as_str();
    stack.put("images/a.jpg", plain(10)).await;
    let ready = stack
        .record_when("images/a.jpg", |record| statuses(record) == "ready")
        .await;
    stack.put("images/a.jpg", "no picture").await;
    let rejected = stack
        .record_when("images/a.jpg", |record| statuses(record) == "rejected")
        .await;
    assert_eq!(
        (rejected.variants.len(), rejected.created_at),
        (0, ready.created_at)
    );
    stack.wait_until_drained().await;
    assert!(stack.is_superseded(&ready.variants[0].key).await);
    stack.put("images/a.jpg", plain(10)).await;
    let again = stack
        .record_when("images/a.jpg", |record| statuses(record) == "ready")
        .await;
    check_variants(&stack, &again).await;
}

/// Every variant that a record names is there, decodes, and stays.
async fn check_variants(stack: &Stack, record: &Record) {
    assert_eq!(record.variants.len(), 4);
    for variant in &record.variants {
        assert_eq!(
            crate::samples::size(&stack.variant(&variant.key).await),
            (variant.width, variant.height)
        );
        assert!(!stack.is_superseded(&variant.key).await, "{}", variant.key);
    }
}

fn sequencer(body: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(body).unwrap();
    event["Records"][0]["s3"]["object"]["sequencer"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
