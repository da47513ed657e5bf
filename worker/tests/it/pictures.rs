//! A dropped picture comes out as variants and a record, and is announced.

use std::time::Duration;

use serde_json::Value;
use shared::queue::Queue;
use shared::record::Status;

use crate::samples::{jpeg, size, transparent_png, with_orientation};
use crate::support::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_picture_becomes_four_variants_and_a_ready_record() {
    let stack = Stack::start().await;
    let worker = stack.worker(&[]);
    let etag = stack.put("images/cats/one.jpg", jpeg(2000, 1000)).await;

    let record = stack.wait_for_record("images/cats/one.jpg").await;
    assert_eq!(record.status, Status::Ready);
    assert_eq!(record.source.etag, Some(etag));
    assert_eq!(record.source.file_name, "one.jpg");
    assert_eq!(record.attempts, 1);
    let picture = record.picture.unwrap();
    assert_eq!(
        (picture.width, picture.height, picture.format.as_str()),
        (2000, 1000, "jpeg")
    );

    let sizes = [
        ("desktop", 1024, 512),
        ("tablet", 640, 320),
        ("phone", 320, 160),
        ("thumb", 150, 75),
    ];
    assert_eq!(record.variants.len(), sizes.len());
    for (variant, (name, width, height)) in record.variants.iter().zip(sizes) {
        assert_eq!(
            (variant.name.as_str(), variant.width, variant.height),
            (name, width, height)
        );
        assert!(
            variant.key.starts_with(&format!("{name}/cats/one-")) && variant.key.ends_with(".jpg")
        );
        let bytes = stack.variant(&variant.key).await;
        assert_eq!(
            (size(&bytes), bytes.len() as u64),
            ((width, height), variant.bytes)
        );
    }
    stack.wait_until_drained().await;
    assert_eq!(
        worker
            .metric(r#"image_fleet_jobs_total{kind="render",outcome="ready"}"#)
            .await,
        1.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_tells_browsers_what_it_is_and_to_keep_it() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&[]);
    stack.put("images/a.jpg", jpeg(800, 600)).await;
    let variant = stack
        .wait_for_record("images/a.jpg")
        .await
        .variants
        .remove(0);
    let head = stack
        .s3
        .head_object()
        .bucket(&variant.bucket)
        .key(&variant.key)
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_type(), Some("image/jpeg"));
    assert_eq!(
        head.cache_control(),
        Some("public, max-age=31536000, immutable")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_never_made_larger() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&[]);
    stack.put("images/small.jpg", jpeg(200, 100)).await;
    let record = stack.wait_for_record("images/small.jpg").await;
    let widths: Vec<u32> = record
        .variants
        .iter()
        .map(|variant| variant.width)
        .collect();
    assert_eq!(widths, [200, 200, 200, 150]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_turned_upright_and_loses_its_metadata() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&[]);
    let original = with_orientation(&jpeg(1200, 800), 6);
    assert!(contains(&original, b"Exif"));
    stack.put("images/turned.jpg", original).await;

    let record = stack.wait_for_record("images/turned.jpg").await;
    let picture = record.picture.unwrap();
    assert_eq!(
        (picture.width, picture.height, picture.orientation),
        (800, 1200, 6)
    );
    let desktop = stack.variant(&record.variants[0].key).await;
    assert_eq!(size(&desktop), (800, 1200));
    assert!(!contains(&desktop, b"Exif"));
    // Red grew to the right and green downwards; a quarter turn clockwise makes red grow downwards
    // and green to the left.
    let pixels = image::load_from_memory(&desktop).unwrap().into_rgb8();
    let [top_left, bottom_left] = [pixels.get_pixel(20, 20), pixels.get_pixel(20, 1180)];
    assert!(
        top_left[0] < 30 && bottom_left[0] > 220 && top_left[1] > 220,
        "{top_left:?} {bottom_left:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transparency_is_kept() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&["--recipe", "thumb:png, phone"]);
    stack
        .put("images/logo.png", transparent_png(400, 200))
        .await;
    let record = stack.wait_for_record("images/logo.png").await;
    assert!(record.picture.unwrap().has_alpha);
    let [phone, thumb] = &record.variants[..] else {
        panic!("{:?}", record.variants);
    };
    assert!(phone.key.ends_with(".webp"), "{}", phone.key);
    let pixels = image::load_from_memory(&stack.variant(&thumb.key).await)
        .unwrap()
        .into_rgba8();
    assert_eq!(
        (pixels.get_pixel(5, 5).0, pixels.get_pixel(145, 5)[3]),
        ([255, 0, 0, 255], 0)
    );
    // Where red meets transparent blue, the blue must not shine through.
    assert!(pixels.pixels().all(|pixel| pixel[3] == 0 || pixel[2] < 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_is_announced() {
    let stack = Stack::start().await;
    let heard = subscribe(&stack).await;
    let _worker = stack.worker(&[]);
    stack.put("images/good.jpg", jpeg(300, 200)).await;
    stack.put("images/bad.jpg", "no picture").await;
    stack.wait_for_record("images/good.jpg").await;
    stack.wait_for_record("images/bad.jpg").await;
    stack.wait_until_drained().await;

    let mut announced = Vec::new();
    for message in heard.receive(10, Duration::from_secs(2)).await.unwrap() {
        let envelope: Value = serde_json::from_str(&message.body).unwrap();
        let record: Value = serde_json::from_str(envelope["Message"].as_str().unwrap()).unwrap();
        assert_eq!(
            envelope["MessageAttributes"]["status"]["Value"],
            record["status"]
        );
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        announced.push((text(&record["source"]["key"]), text(&record["status"])));
    }
    announced.sort();
    let expected = [("images/bad.jpg", "rejected"), ("images/good.jpg", "ready")];
    assert_eq!(
        announced,
        expected.map(|(key, status)| (key.to_owned(), status.to_owned()))
    );
}

/// A queue that hears every announcement.
async fn subscribe(stack: &Stack) -> Queue {
    use aws_sdk_sqs::types::QueueAttributeName;
    let url = stack
        .sqs
        .create_queue()
        .queue_name("announcements")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    let request = stack
        .sqs
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(QueueAttributeName::QueueArn);
    let arn =
        request.send().await.unwrap().attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
    let sns = aws_sdk_sns::Client::new(&stack.config);
    let request = sns
        .subscribe()
        .topic_arn(stack.variable("IMAGE_FLEET_TOPIC_ARN"));
    request.protocol("sqs").endpoint(arn).send().await.unwrap();
    Queue::new(&stack.config, url)
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
