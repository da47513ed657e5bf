//! Pictures that do not say what they seem to. Expected values were computed by hand, from the
//! primaries and curves of each colour space.

use moxcms::{ColorProfile, ToneReprCurve};

use super::*;

fn with_profile(jpeg: &[u8], profile: &[u8]) -> Vec<u8> {
    let parts: Vec<_> = profile.chunks(60_000).collect();
    let part = |(at, data): (usize, &&[u8])| {
        [
            b"ICC_PROFILE\0",
            &[at as u8 + 1, parts.len() as u8][..],
            data,
        ]
        .concat()
    };
    let segments: Vec<_> = parts.iter().enumerate().map(part).collect();
    let file = segments.iter().rev();
    file.fold(jpeg.to_vec(), |file, data| with_segment(&file, 0xe2, data))
}

fn shown(bytes: &[u8]) -> [u8; 3] {
    pixel(&rendered(bytes, "a=100:png").variants[0], 50, 30)
}

#[test]
fn wide_colours_become_srgb() {
    let check = |profile: &ColorProfile, colour: [u8; 3], expected: [u8; 3]| {
        let plain = jpeg_of(&drawn(400, 300, |_, _| colour), Subsamp::Sub2x2);
        let profile = profile.encode().unwrap();
        assert_close(
            shown(&with_profile(&plain, &profile)),
            expected,
            3,
            "converted",
        );
        assert_close(shown(&plain), colour, 3, "without a profile");
    };
    check(
        &ColorProfile::new_display_p3(),
        [200, 100, 50],
        [215, 93, 31],
    );
    check(
        &ColorProfile::new_display_p3(),
        [100, 180, 90],
        [65, 182, 77],
    );
    check(
        &ColorProfile::new_adobe_rgb(),
        [200, 100, 50],
        [227, 100, 42],
    );
    check(&ColorProfile::new_adobe_rgb(), [100, 180, 90], [0, 181, 83]);
}

#[test]
fn profiles_of_pngs_and_webps_count_too() {
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    let image = drawn(200, 150, |_, _| [200, 100, 50]);
    let scanlines = deflated(image.as_raw().chunks(600).map(|row| [&[0], row].concat()));
    let png = png_of(&[
        (b"IHDR", &[0, 0, 0, 200, 0, 0, 0, 150, 8, 2, 0, 0, 0]),
        (
            b"iCCP",
            &[b"P3\0\0", &deflated([profile.clone()])[..]].concat(),
        ),
        (b"IDAT", &scanlines),
        (b"IEND", &[]),
    ]);
    assert_close(shown(&png), [215, 93, 31], 2, "png");
    let webp = encoded(&image.into(), image::ImageFormat::WebP);
    let webp = webpx::embed_icc(&webp, &profile).unwrap();
    assert_close(shown(&webp), [215, 93, 31], 2, "webp");
}

#[test]
fn a_profile_that_changes_nothing_or_makes_no_sense_changes_no_byte() {
    let plain = jpeg_of(&quarters(400, 300), Subsamp::Sub2x2);
    let expected = rendered(&plain, Recipe::DEFAULT).variants;
    let srgb = ColorProfile::new_srgb().encode().unwrap();
    for profile in [&srgb[..], b"no profile at all", &[0; 128]] {
        let variants = rendered(&with_profile(&plain, profile), Recipe::DEFAULT).variants;
        for (variant, expected) in variants.iter().zip(&expected) {
            assert_eq!(variant.bytes, expected.bytes);
        }
    }
}

#[test]
fn a_gray_profile_makes_other_grays() {
    // Linear light: a half is much brighter than it looks.
    let mut profile = ColorProfile::new_gray_with_gamma(1.0);
    profile.gray_trc = Some(ToneReprCurve::Lut(vec![]));
    let plain = jpeg(400, 300, PixelFormat::GRAY, Subsamp::Gray, &[128]);
    let bytes = with_profile(&plain, &profile.encode().unwrap());
    assert_close(shown(&bytes), [188; 3], 3, "gray");
}

/// Inks as they are, not as brightness and colour.
fn cmyk(pixel: [u8; 4]) -> Vec<u8> {
    let pixels = pixel.repeat(400 * 300);
    let mut compressor = Compressor::new().unwrap();
    compressor
        .set_colorspace(turbojpeg::Colorspace::CMYK)
        .unwrap();
    compressor.set_subsamp(Subsamp::None).unwrap();
    let image = Image {
        pixels: &pixels[..],
        width: 400,
        pitch: 1_600,
        height: 300,
        format: PixelFormat::CMYK,
    };
    compressor.compress_to_vec(image).unwrap()
}

fn without_adobe(jpeg: &[u8]) -> Vec<u8> {
    let is_adobe = |bytes: &[u8]| &bytes[4..] == b"Adobe";
    let at = jpeg.windows(9).position(is_adobe).unwrap();
    let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
    [&jpeg[..at], &jpeg[at + 2 + length..]].concat()
}

#[test]
fn inks_with_and_without_the_marker_of_adobe_are_told_apart() {
    // With the marker, 255 is no ink; so magenta and yellow are red.
    let red = [255, 0, 0, 255];
    let ycck = jpeg(400, 300, PixelFormat::CMYK, Subsamp::None, &red);
    assert_close(
        shown(&ycck),
        [255, 0, 0],
        3,
        "mixed as brightness and colour",
    );
    assert_close(shown(&cmyk(red)), [255, 0, 0], 3, "with the marker");
    let plain = without_adobe(&cmyk([0, 255, 255, 0]));
    assert_close(shown(&plain), [255, 0, 0], 3, "without it");
}
