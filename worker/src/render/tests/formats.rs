//! What is read and what is written.

use image::{DynamicImage, ImageFormat};

use super::*;

/// Nine by seven pixels, red by column and green by row, interlaced.
const INTERLACED: &str = "89504e470d0a1a0a0000000d494844520000000900000007080200000122fec0a1\
0000007f4944415408d71d8c311540310c0263a3731c544496dab82522eaa0736d60a37314fdbcff98e00033e319bfecc\
0e11d6c1ab78379b8ed2c9801c10d5eb42f6641718b57d83096b10df566042bd881ba390eebb00fea9b51ac6217ea8d39\
c399ce7270b6731d39cf9b252399c94a48767213252f9b8921a65802b1c515124f7cbc3a4b103c8bea6f0000000049454\
e44ae426082";

/// The same with 16 bits a sample.
const DEEP_INTERLACED: &str = "89504e470d0a1a0a0000000d4948445200000009000000071002000001726e1ce2000000097048597300000b1200000b\
1201d2dd7efc000000934944415418d3258eb11180300cc4bc06351b640837ace1c643b041eaace135527b2170e41c88\
3f74e210a963b2e1b9b865d6c3e0863230abfde0dd6a23a2f518d0e0821bd64974a2139de843b9bef3c507be30600945\
284211da6222266222668b44242211d9bf707f56fa70b01fb6b15ff662077bb3eb389993399993399993399993796741\
1664411664411664411664873f3ef581d9f2aa27f10000000049454e44ae426082";

fn from_hex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn round_trip(bytes: &[u8], format: &str, tolerance: u8) {
    let Rendered { picture, variants } = rendered(bytes, "a=40:png");
    assert_eq!(picture.format, format);
    assert_eq!((picture.width, picture.height), (40, 30), "{format}");
    assert!(!picture.has_alpha && !picture.animated, "{format}");
    let places = [
        (5, 5, [255, 0, 0]),
        (35, 5, [0, 255, 0]),
        (5, 25, [0, 0, 255]),
        (35, 25, [255; 3]),
    ];
    for (x, y, expected) in places {
        assert_close(pixel(&variants[0], x, y), expected, tolerance, format);
    }
}

#[test]
fn every_format_is_read() {
    let image = DynamicImage::from(quarters(40, 30));
    round_trip(&jpeg_of(&quarters(40, 30), Subsamp::None), "jpeg", 6);
    round_trip(&encoded(&image, ImageFormat::Png), "png", 0);
    round_trip(&encoded(&image, ImageFormat::Gif), "gif", 6);
    round_trip(&encoded(&image, ImageFormat::WebP), "webp", 0);
    round_trip(&encoded(&image, ImageFormat::Tiff), "tiff", 0);
    round_trip(&encoded(&image, ImageFormat::Bmp), "bmp", 0);
}

#[test]
fn deep_pictures_are_rounded_and_gray_stays_gray() {
    let deep = DynamicImage::from(quarters(40, 30)).into_rgb16();
    round_trip(&encoded(&deep.clone().into(), ImageFormat::Png), "png", 0);
    round_trip(&encoded(&deep.into(), ImageFormat::Tiff), "tiff", 0);
    let gray = DynamicImage::from(drawn(40, 30, |_, _| [90; 3])).into_luma16();
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let Rendered { variants, .. } =
            rendered(&encoded(&gray.clone().into(), format), "a=40:png");
        assert_eq!(pixel(&variants[0], 3, 3), [90; 3]);
        assert_eq!(variants[0].bytes[25], 0, "colour type gray of {format:?}");
    }
}

#[test]
fn interlaced_pngs_are_read() {
    for file in [INTERLACED, DEEP_INTERLACED] {
        let file = from_hex(file);
        for part in [50, 60, 75] {
            let cut = &file[..file.len() * part / 100];
            assert_eq!(code(cut), RejectionCode::Corrupt, "{part} %");
        }
        let Rendered { variants, .. } = rendered(&file, "a=9:png");
        for (x, y) in (0..9).flat_map(|x| (0..7).map(move |y| (x, y))) {
            let expected = [x as u8 * 25, y as u8 * 35, 100];
            assert_close(pixel(&variants[0], x, y), expected, 1, "interlaced");
        }
    }
}

#[test]
fn palettes_and_few_bits_are_read() {
    // Two pixels of one bit each, with a palette: the first half transparent.
    let header = [0, 0, 0, 2, 0, 0, 0, 1, 1, 3, 0, 0, 0];
    let scanline = deflated([vec![0, 0b0100_0000]]);
    let file = png_of(&[
        (b"IHDR", &header),
        (b"PLTE", &[10, 20, 30, 40, 50, 60]),
        (b"tRNS", &[0, 255]),
        (b"IDAT", &scanline),
        (b"IEND", &[]),
    ]);
    let Rendered { picture, variants } = rendered(&file, "a=2:png");
    assert!(picture.has_alpha);
    let seen = seen(&variants[0]);
    assert_eq!(
        (seen.get_pixel(0, 0).0[3], seen.get_pixel(1, 0).0),
        (0, [40, 50, 60, 255])
    );
}

#[test]
fn opaque_pictures_become_jpeg_and_others_webp_unless_asked_otherwise() {
    let opaque = encoded(&quarters(40, 30).into(), ImageFormat::Png);
    let clear = encoded(&image::RgbaImage::new(40, 30).into(), ImageFormat::Png);
    let idle = DynamicImage::from(quarters(40, 30)).into_rgba8();
    let idle = encoded(&idle.into(), ImageFormat::Png);
    let recipe = "e=5:auto, d=4:jpeg, c=3:png, b=2:webp, a=1:gif";
    let formats = |bytes: &[u8]| {
        let variants = rendered(bytes, recipe).variants;
        for variant in &variants {
            assert_eq!(sniff(&variant.bytes), Ok(variant.format));
        }
        variants
            .iter()
            .map(|variant| variant.format)
            .collect::<Vec<_>>()
    };
    let asked = [Format::Jpeg, Format::Png, Format::WebP, Format::Gif];
    assert_eq!(formats(&opaque), [&[Format::Jpeg][..], &asked].concat());
    assert_eq!(formats(&clear), [&[Format::WebP][..], &asked].concat());
    assert_eq!(
        formats(&idle),
        [&[Format::Jpeg][..], &asked].concat(),
        "all pixels are opaque"
    );
}

#[test]
fn transparent_parts_become_white_in_jpegs_and_colours_do_not_bleed() {
    // Invisible blue beside visible red.
    let image = image::RgbaImage::from_fn(400, 300, |x, _| {
        image::Rgba(if x < 200 {
            [255, 0, 0, 255]
        } else {
            [0, 0, 255, 0]
        })
    });
    let bytes = encoded(&image.into(), ImageFormat::Png);
    let variants = rendered(&bytes, "jpeg=41:jpeg, png=40:png").variants;
    assert_close(pixel(&variants[0], 35, 5), [255; 3], 6, "white");
    for at in seen(&variants[1]).pixels() {
        assert!(at.0[3] == 0 || at.0[2] <= 8, "blue has bled: {at:?}");
    }
}

#[test]
fn quality_counts() {
    let noise = drawn(300, 200, |x, y| {
        [(x * y * 7) as u8, (x * 31) as u8, (y * 13) as u8]
    });
    let bytes = encoded(&noise.into(), ImageFormat::Png);
    for format in ["jpeg", "webp"] {
        let recipe = format!("a=300:{format}:q20, b=300:{format}:q95");
        let variants = rendered(&bytes, &recipe).variants;
        assert!(
            variants[0].bytes.len() * 2 < variants[1].bytes.len(),
            "{format}"
        );
    }
    let sampling = |recipe: &str| {
        let variants = rendered(&bytes, recipe).variants;
        turbojpeg::read_header(&variants[0].bytes).unwrap().subsamp
    };
    assert_eq!(sampling("a=100:q89"), Subsamp::Sub2x2);
    assert_eq!(sampling("a=100:q90"), Subsamp::None);
}

#[test]
fn variants_of_the_same_size_are_all_written() {
    let bytes = encoded(&quarters(40, 30).into(), ImageFormat::Png);
    let variants = rendered(&bytes, "big=2000, small=1000").variants;
    let sizes: Vec<_> = variants
        .iter()
        .map(|v| (&v.name[..], v.width, v.height))
        .collect();
    assert_eq!(sizes, [("big", 40, 30), ("small", 40, 30)]);
}

#[test]
fn crops_show_the_middle_and_fills_everything() {
    let bytes = jpeg_of(&quarters(1600, 400), Subsamp::Sub2x2);
    let variants = rendered(&bytes, "fill=200x200:fill, crop=100x100:crop").variants;
    for variant in &variants {
        let side = variant.width;
        assert_close(pixel(variant, 10, 10), [255, 0, 0], 8, &variant.name);
        assert_close(pixel(variant, side - 10, 10), [0, 255, 0], 8, &variant.name);
        assert_close(pixel(variant, 10, side - 10), [0, 0, 255], 8, &variant.name);
    }
}

#[test]
fn what_a_picture_looks_like_is_recorded() {
    let mostly_green = drawn(400, 300, |x, _| {
        if x < 100 {
            [200, 30, 30]
        } else {
            [20, 160, 40]
        }
    });
    let picture = rendered(&jpeg_of(&mostly_green, Subsamp::None), "a=200").picture;
    let colour = picture.dominant_colour.unwrap();
    let channel = |at: usize| u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
    assert_close(
        [channel(1), channel(3), channel(5)],
        [20, 160, 40],
        4,
        "dominant colour",
    );
    let hash = picture.thumbhash.unwrap();
    let (red, green, blue, _) = thumbhash::thumb_hash_to_average_rgba(&from_hex(&hash)).unwrap();
    assert!(green > red && red > blue, "{red} {green} {blue}");
}
