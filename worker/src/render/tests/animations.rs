//! Pictures that move.

use std::time::Duration;

use image::codecs::gif::{GifEncoder, Repeat};
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder as _, Delay, Frame};

use super::*;

/// A frame of each colour, for 70 ms.
fn gif(colours: &[[u8; 4]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.set_repeat(Repeat::Finite(3)).unwrap();
    for colour in colours {
        let image = image::RgbaImage::from_pixel(60, 40, image::Rgba(*colour));
        let delay = Delay::from_saturating_duration(Duration::from_millis(70));
        encoder
            .encode_frame(Frame::from_parts(image, 0, 0, delay))
            .unwrap();
    }
    drop(encoder);
    bytes
}

const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 255, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];

fn frames(variant: &Variant) -> Vec<Frame> {
    let bytes = std::io::Cursor::new(&variant.bytes);
    let frames = match variant.format {
        Format::Gif => image::codecs::gif::GifDecoder::new(bytes)
            .unwrap()
            .into_frames(),
        _ => WebPDecoder::new(bytes).unwrap().into_frames(),
    };
    frames.collect_frames().unwrap()
}

fn assert_moves(variant: &Variant, colours: &[[u8; 4]]) {
    let frames = frames(variant);
    assert_eq!(frames.len(), colours.len(), "{:?}", variant.format);
    for (frame, colour) in frames.iter().zip(colours) {
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        assert_eq!(numerator / denominator, 70);
        let found = frame.buffer().get_pixel(10, 10).0;
        assert_eq!(found[3], 255);
        assert_close(
            [found[0], found[1], found[2]],
            [colour[0], colour[1], colour[2]],
            12,
            &variant.name,
        );
    }
}

#[test]
fn animations_keep_moving_where_that_is_asked_for() {
    let bytes = gif(&[RED, GREEN, BLUE]);
    let Rendered { picture, variants } = rendered(
        &bytes,
        "a=30:animated, b=29:gif:animated, c=28:webp:animated, still=27",
    );
    assert!(picture.animated && !picture.has_alpha);
    let sizes: Vec<_> = variants
        .iter()
        .map(|variant| (variant.width, variant.height))
        .collect();
    assert_eq!(sizes, [(30, 20), (29, 19), (28, 19), (27, 18)]);
    let formats: Vec<_> = variants.iter().map(|variant| variant.format).collect();
    assert_eq!(
        formats,
        [Format::WebP, Format::Gif, Format::WebP, Format::Jpeg]
    );
    for variant in &variants[..3] {
        assert_moves(variant, &[RED, GREEN, BLUE]);
    }
    assert_close(pixel(&variants[3], 5, 5), [255, 0, 0], 6, "the first frame");
}

#[test]
fn animated_webps_and_pngs_move_too() {
    let webp = rendered(&gif(&[RED, BLUE]), "a=60:webp:animated")
        .variants
        .remove(0)
        .bytes;
    let Rendered { picture, variants } = rendered(&webp, "a=30:gif:animated, still=20");
    assert!(picture.animated);
    assert_moves(&variants[0], &[RED, BLUE]);
    assert_close(
        pixel(&variants[1], 5, 5),
        [255, 0, 0],
        12,
        "the first frame",
    );

    let Rendered { picture, variants } = rendered(&apng(&[RED, GREEN]), "a=30:animated, still=20");
    assert!(picture.animated);
    assert_moves(&variants[0], &[RED, GREEN]);
    assert_close(
        pixel(&variants[1], 5, 5),
        [255, 0, 0],
        12,
        "the first frame",
    );
}

fn apng(colours: &[[u8; 4]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 60, 40);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(colours.len() as u32, 0).unwrap();
    encoder.set_frame_delay(70, 1_000).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for colour in colours {
        writer.write_image_data(&colour.repeat(60 * 40)).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

#[test]
fn what_does_not_move_is_not_animated() {
    let Rendered { picture, variants } = rendered(&gif(&[RED]), "a=30:animated, b=29:gif:animated");
    assert!(!picture.animated);
    assert_eq!(
        (variants[0].format, variants[1].format),
        (Format::Jpeg, Format::Gif)
    );
}

#[test]
fn frames_and_their_pixels_are_bounded_where_they_are_wanted() {
    let bytes = gif(&[RED, GREEN, BLUE]);
    let moving: Recipe = "a=30:animated".parse().unwrap();
    let refused = |limits: Limits| render(&bytes, &moving, &limits).unwrap_err();
    let few_frames = Limits {
        max_frames: 2,
        ..LIMITS
    };
    assert_eq!(
        refused(few_frames).detail,
        "an animation of 3 or more frames has more than the 2 allowed: raise --max-frames, upload a shorter one or make no animated variants"
    );
    // Each frame fits, but not all together: five times as much may.
    let many = gif(&[RED; 6]);
    let rejection = render(
        &many,
        &moving,
        &Limits {
            max_pixels: 60 * 40,
            ..LIMITS
        },
    )
    .unwrap_err();
    assert_eq!(rejection.code, RejectionCode::TooLarge);
    assert!(
        rejection
            .detail
            .contains("14400 pixels, more than the 12000 allowed"),
        "{rejection}"
    );
    let still = render(&bytes, &"a=30".parse().unwrap(), &few_frames).unwrap();
    assert_eq!(
        still.variants.len(),
        1,
        "the first frame alone is no trouble"
    );
}

#[test]
fn films_are_refused() {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, 1, 1, &[0, 0, 0]).unwrap();
    for _ in 0..2 {
        let frame = gif::Frame {
            delay: u16::MAX,
            width: 1,
            height: 1,
            buffer: vec![0].into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    let rejection = render(&bytes, &"a=1:animated".parse().unwrap(), &LIMITS).unwrap_err();
    assert!(
        rejection
            .detail
            .starts_with("an animation may last 600 seconds"),
        "{rejection}"
    );
}
