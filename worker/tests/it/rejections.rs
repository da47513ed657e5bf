//! Bad input is an outcome; failure is a failure.

use serde_json::json;
use shared::record::Status;

use crate::samples::{jpeg, transparent_png};
use crate::support::Stack;

/// Drops the bytes and expects their rejection.
async fn check(stack: &Stack, key: &str, bytes: Vec<u8>, code: &str) {
    stack.put(key, bytes).await;
    let record = stack.wait_for_record(key).await;
    let reason = record.reason.unwrap();
    assert_eq!(
        (record.status, reason.code.as_str()),
        (Status::Rejected, code),
        "{key}: {}",
        reason.detail
    );
    assert!(record.variants.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_is_rejected_and_its_message_is_gone() {
    let stack = Stack::start().await;
    let worker = stack.worker(&["--max-pixels", "1000000", "--max-source-bytes", "100000"]);
    let good = jpeg(300, 200);
    let png = transparent_png(300, 200);
    check(&stack, "images/empty.jpg", vec![], "corrupt").await;
    check(
        &stack,
        "images/garbage.jpg",
        [&good[..20], &[0x55; 500]].concat(),
        "corrupt",
    )
    .await;
    check(
        &stack,
        "images/truncated.jpg",
        good[..good.len() / 2].to_vec(),
        "corrupt",
    )
    .await;
    check(
        &stack,
        "images/truncated.png",
        png[..png.len() / 2].to_vec(),
        "corrupt",
    )
    .await;
    check(
        &stack,
        "images/text.jpg",
        b"not a picture".to_vec(),
        "unsupported_format",
    )
    .await;
    check(
        &stack,
        "images/photograph.jpg",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(),
        "unsupported_format",
    )
    .await;
    check(&stack, "images/large.jpg", vec![0xff; 100_001], "too_large").await;
    check(&stack, "images/bomb.jpg", jpeg(1001, 1000), "too_large").await;
    check(
        &stack,
        "images/bomb.png",
        png_header(60_000, 60_000),
        "too_large",
    )
    .await;
    stack.wait_until_drained().await;
    stack.wait_for_dead_letters(0).await;
    assert_eq!(
        worker
            .metric(r#"image_fleet_rejections_total{reason="corrupt"}"#)
            .await,
        4.0
    );
}

/// A few bytes that declare a picture of billions.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    let checksum = crc32(&header).to_be_bytes();
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\x0d",
        &header[..],
        &checksum,
        b"\0\0\0\0IDAT",
    ]
    .concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_message_ends_on_the_dead_letter_queue_and_nothing_else_is_disturbed() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&[]);
    let foreign = json!({"job": "reprocess", "version": 1, "bucket": "somebody-elses", "key": "images/a.jpg"});
    let elsewhere = json!({"job": "ingest", "version": 1, "url": "https://example.com/a.jpg", "key": "images/b.jpg"});
    for body in [
        "not json",
        r#"{"job":"dance","version":1}"#,
        &foreign.to_string(),
        &elsewhere.to_string(),
    ] {
        stack.queue.send(body).await.unwrap();
    }
    stack.put("images/good.jpg", jpeg(300, 200)).await;
    assert_eq!(
        stack.wait_for_record("images/good.jpg").await.status,
        Status::Ready
    );
    stack.wait_for_dead_letters(4).await;
    stack.wait_until_drained().await;
}
