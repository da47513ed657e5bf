//! What a recipe asks for is what comes out.

use shared::record::Status;

use crate::samples::{gif, plain, size, slow_jpeg, transparent_png};
use crate::support::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn formats_boxes_and_animations_are_made_and_recorded() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&[
        "--recipe",
        "card=100x100:crop:png, small=50:webp:q60, moving=40:animated",
    ]);
    stack.put("images/moving.gif", gif(60, 40, 3)).await;
    let record = stack.wait_for_record("images/moving.gif").await;
    assert_eq!(record.status, Status::Ready);
    let picture = record.picture.unwrap();
    assert!(picture.animated && !picture.has_alpha);
    assert_eq!(picture.format, "gif");
    assert!(picture.thumbhash.is_some_and(|hash| hash.len() >= 10));
    assert!(
        picture
            .dominant_colour
            .is_some_and(|colour| colour.len() == 7)
    );
    let made: Vec<_> = record
        .variants
        .iter()
        .map(|v| (&v.name[..], &v.format[..], v.width, v.height))
        .collect();
    assert_eq!(
        made,
        [
            ("card", "png", 40, 40),
            ("small", "webp", 50, 33),
            ("moving", "webp", 40, 27)
        ]
    );
    for variant in &record.variants {
        let bytes = stack.variant(&variant.key).await;
        assert_eq!(size(&bytes), (variant.width, variant.height));
        assert!(variant.key.ends_with(&format!(".{}", variant.format)));
    }
    let moving = stack.variant(&record.variants[2].key).await;
    assert!(moving.windows(4).filter(|chunk| chunk == b"ANMF").count() >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watermark_on_s3_is_drawn() {
    let stack = Stack::start().await;
    stack
        .put("branding/logo.png", transparent_png(100, 100))
        .await;
    let mark = stack.object("branding/logo.png").to_string();
    let style = "northwest, margin=0%, opacity=100%, size=50%, min-width=200";
    let _worker = stack.worker(&["--watermark", &mark, "--watermark-style", style]);
    stack.put("images/a.jpg", plain(20)).await;
    let record = stack.wait_for_record("images/a.jpg").await;
    let corner = |bytes: &[u8]| {
        image::load_from_memory(bytes)
            .unwrap()
            .into_rgb8()
            .get_pixel(8, 8)
            .0
    };
    let marked = corner(&stack.variant(&record.variants[0].key).await);
    assert!(
        marked[0] > 200 && marked[2] < 60,
        "{marked:?} should be red"
    );
    let thumb = corner(&stack.variant(&record.variants[3].key).await);
    assert!(
        thumb[0] < 60 && thumb[2] > 200,
        "{thumb:?} should be blue: it is narrow"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watermark_that_is_not_there_ends_the_worker_with_one_clear_line() {
    let stack = Stack::start().await;
    let mut worker = stack.worker(&["--watermark", "/nowhere/logo.png"]);
    assert_eq!(worker.exit_code().await, Some(1));
    let log = worker.log();
    assert!(
        log.contains("cannot read the watermark /nowhere/logo.png"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_takes_too_long_is_rejected() {
    let stack = Stack::start().await;
    let _worker = stack.worker(&["--render-timeout", "1", "--recipe", "a=6000"]);
    stack.put("images/large.jpg", slow_jpeg()).await;
    let record = stack.wait_for_record("images/large.jpg").await;
    let reason = record.reason.unwrap();
    assert_eq!(
        (record.status, &reason.code[..]),
        (Status::Rejected, "too_slow")
    );
    assert!(
        reason.detail.contains("raise --render-timeout"),
        "{}",
        reason.detail
    );
}
