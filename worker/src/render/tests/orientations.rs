//! Pictures that lie.

use super::*;

/// EXIF with nothing but an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let tiff = b"MM\0*\0\0\0\x08\0\x01";
    let entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
    [&b"Exif\0\0"[..], tiff, &entry, &[0; 4]].concat()
}

/// As a camera held so would store the upright picture.
fn lying(upright: &image::RgbImage, orientation: u8) -> image::RgbImage {
    use image::imageops::{flip_horizontal, flip_vertical, rotate90, rotate180, rotate270};
    match orientation {
        2 => flip_horizontal(upright),
        3 => rotate180(upright),
        4 => flip_vertical(upright),
        5 => rotate270(&flip_horizontal(upright)),
        6 => rotate270(upright),
        7 => rotate90(&flip_horizontal(upright)),
        8 => rotate90(upright),
        _ => upright.clone(),
    }
}

#[test]
fn every_orientation_is_applied_once_whatever_the_sizes_and_the_sampling() {
    for (width, height) in [(400, 300), (401, 299), (83, 41)] {
        let upright = quarters(width, height);
        for orientation in 1..=8 {
            for subsamp in [Subsamp::Sub2x2, Subsamp::Sub2x1, Subsamp::None] {
                let plain = jpeg_of(&lying(&upright, orientation), subsamp);
                let bytes = with_segment(&plain, 0xe1, &exif(orientation));
                let Rendered { picture, variants } =
                    rendered(&bytes, "a=75, b=33:png, c=32x32:crop");
                let what = format!("{width}x{height} {orientation} {subsamp:?}");
                assert_eq!((picture.width, picture.height), (width, height), "{what}");
                assert_eq!(picture.orientation, orientation);
                for variant in &variants {
                    let (right, bottom) = (variant.width - 6, variant.height - 6);
                    assert_close(pixel(variant, 5, 5), [255, 0, 0], 12, &what);
                    assert_close(pixel(variant, right, 5), [0, 255, 0], 12, &what);
                    assert_close(pixel(variant, 5, bottom), [0, 0, 255], 12, &what);
                    assert_close(pixel(variant, right, bottom), [255; 3], 12, &what);
                    assert!(!Metadata::of(&variant.bytes).orientation().swaps_sides());
                }
            }
        }
    }
}

/// Colour and brightness must stay together. A red square on gray moves neither when the picture
/// is turned nor when it is halved.
#[test]
fn colour_stays_with_brightness() {
    let upright = drawn(803, 601, |x, y| {
        if (400..480).contains(&x) && (300..380).contains(&y) {
            [220, 20, 20]
        } else {
            [90; 3]
        }
    });
    for orientation in 1..=8 {
        let plain = jpeg_of(&lying(&upright, orientation), Subsamp::Sub2x2);
        let bytes = with_segment(&plain, 0xe1, &exif(orientation));
        let variants = rendered(&bytes, "a=201:q89").variants;
        let image = seen(&variants[0]);
        let centre = |weight: fn(&[u8; 4]) -> f64| {
            let pixels = image.enumerate_pixels();
            let weighted = pixels
                .map(|(x, y, pixel)| (f64::from(x) + 0.5, f64::from(y) + 0.5, weight(&pixel.0)));
            let sums = weighted.fold((0.0, 0.0, 0.0), |sums, (x, y, weight)| {
                (sums.0 + x * weight, sums.1 + y * weight, sums.2 + weight)
            });
            (sums.0 / sums.2, sums.1 / sums.2)
        };
        // The square is darker and much redder.
        let (x, y) =
            centre(|&[red, _, blue, _]| f64::from(red.saturating_sub(blue.saturating_add(20))));
        let scale = 201.0 / 803.0;
        assert!(
            (x - 440.0 * scale).abs() < 0.3 && (y - 340.0 * scale).abs() < 0.3,
            "{orientation}: {x} {y}"
        );
    }
}
