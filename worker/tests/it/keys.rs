//! Keys arrive as they were written.

use shared::record::Status;

use crate::samples::jpeg;
use crate::support::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn odd_keys_arrive_intact() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&[]);
    let keys = [
        "images/with space.jpg",
        "images/a+b.jpg",
        "images/100%.jpg",
        "images/%41%2B.jpg",
        "images/grüße/猫🐈.jpg",
        "images/a=b&c;d,e'(f)!~@$#?.jpg",
        "images/no extension",
        "images/.hidden",
        "images//double//slash.jpg",
    ];
    for key in keys {
        stack.put(key, jpeg(200, 150)).await;
    }
    for key in keys {
        let record = stack.wait_for_record(key).await;
        assert_eq!(
            (record.status, record.source.object.key.as_str()),
            (Status::Ready, key)
        );
        for variant in &record.variants {
            assert!(!stack.variant(&variant.key).await.is_empty());
        }
    }
    stack.wait_until_drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_as_long_as_s3_allows_still_gets_variants() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&[]);
    let key = format!("images/{}.jpg", "x".repeat(1_024 - "images/.jpg".len()));
    stack.put(&key, jpeg(200, 150)).await;
    let record = stack.wait_for_record(&key).await;
    assert_eq!(record.status, Status::Ready);
    assert!(
        record
            .variants
            .iter()
            .all(|variant| variant.key.len() <= 1_024)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_made_in_the_console_is_not_a_picture() {
    let stack = Stack::start().await;
    let worker = stack.worker(&[]);
    stack.put("images/album/", "").await;
    stack.wait_until_drained().await;
    assert_eq!(
        worker
            .metric(r#"image_fleet_skips_total{reason="folder"}"#)
            .await,
        1.0
    );
    assert_eq!(stack.record("images/album/").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn images_with_one_path_and_the_same_bytes_have_variants_of_their_own() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&[]);
    stack.put("images/a.jpg", jpeg(200, 150)).await;
    stack.put("images/a.jpeg", jpeg(200, 150)).await;
    let one = stack.wait_for_record("images/a.jpg").await;
    let other = stack.wait_for_record("images/a.jpeg").await;
    assert_eq!(one.variants_not_in(&other).len(), 4);
}
