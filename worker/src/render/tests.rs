//! Whole pictures through [`render`].

use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use super::*;

const LIMITS: Limits = Limits {
    max_bytes: u64::MAX,
    max_pixels: 10_000_000,
};

fn rendered(bytes: &[u8], recipe: &str) -> Rendered {
    render(bytes, &recipe.parse().unwrap(), &LIMITS).unwrap()
}

fn code(bytes: &[u8]) -> RejectionCode {
    render(bytes, &Recipe::DEFAULT.parse().unwrap(), &LIMITS)
        .unwrap_err()
        .code
}

fn jpeg(
    width: usize,
    height: usize,
    format: PixelFormat,
    subsamp: Subsamp,
    pixel: &[u8],
) -> Vec<u8> {
    let pixels = pixel.repeat(width * height);
    let pitch = width * pixel.len();
    let mut compressor = Compressor::new().unwrap();
    compressor.set_subsamp(subsamp).unwrap();
    compressor.set_quality(95).unwrap();
    compressor
        .compress_to_vec(Image {
            pixels: &pixels[..],
            width,
            pitch,
            height,
            format,
        })
        .unwrap()
}

fn first_pixel(variant: &Variant) -> [u8; 3] {
    image::load_from_memory(&variant.bytes)
        .unwrap()
        .into_rgb8()
        .get_pixel(0, 0)
        .0
}

fn close(left: [u8; 3], right: [u8; 3]) -> bool {
    left.iter()
        .zip(right)
        .all(|(left, right)| left.abs_diff(right) <= 4)
}

#[test]
fn every_subsampling_and_odd_sizes_keep_their_colour() {
    let subsampling = [
        Subsamp::None,
        Subsamp::Sub2x1,
        Subsamp::Sub2x2,
        Subsamp::Sub1x2,
        Subsamp::Sub4x1,
    ];
    for subsamp in subsampling {
        for (width, height) in [(401, 299), (7, 5), (1, 1), (1, 300), (1300, 3)] {
            let bytes = jpeg(width, height, PixelFormat::RGB, subsamp, &[200, 100, 50]);
            let Rendered { picture, variants } = rendered(&bytes, "a=150,b=64");
            assert_eq!(
                (picture.width as usize, picture.height as usize),
                (width, height)
            );
            for variant in variants {
                assert!(
                    close(first_pixel(&variant), [200, 100, 50]),
                    "{subsamp:?} {width}x{height}"
                );
            }
        }
    }
}

#[test]
fn gray_stays_gray() {
    let bytes = jpeg(400, 300, PixelFormat::GRAY, Subsamp::Gray, &[90]);
    let Rendered { variants, .. } = rendered(&bytes, "a=100");
    assert!(close(first_pixel(&variants[0]), [90, 90, 90]));
    let header = turbojpeg::read_header(&variants[0].bytes).unwrap();
    assert_eq!(header.colorspace, turbojpeg::Colorspace::Gray);
}

#[test]
fn inks_become_colours() {
    // libjpeg-turbo writes an Adobe segment with CMYK, and Adobe's inks are inverted: 255 is none.
    let bytes = jpeg(
        400,
        300,
        PixelFormat::CMYK,
        Subsamp::None,
        &[255, 0, 0, 255],
    );
    let Rendered { variants, .. } = rendered(&bytes, "a=100");
    assert!(
        close(first_pixel(&variants[0]), [255, 0, 0]),
        "{:?}",
        first_pixel(&variants[0])
    );
}

#[test]
fn a_large_picture_is_decoded_small_and_comes_out_at_the_right_size() {
    for width in [3000, 1024, 1025, 2047, 2048, 2049] {
        let bytes = jpeg(
            width,
            500,
            PixelFormat::RGB,
            Subsamp::Sub2x2,
            &[10, 200, 30],
        );
        let sizes: Vec<_> = rendered(&bytes, "a=1024,b=150")
            .variants
            .iter()
            .map(|v| (v.width, v.height))
            .collect();
        let height = |target: usize| u32::try_from((500 * target + width / 2) / width).unwrap();
        assert_eq!(sizes, [(1024, height(1024)), (150, height(150))], "{width}");
    }
}

#[test]
fn variants_depend_only_on_bytes_and_recipe() {
    let bytes = jpeg(800, 600, PixelFormat::RGB, Subsamp::Sub2x2, &[1, 2, 3]);
    let [one, other] = [0, 1].map(|_| rendered(&bytes, Recipe::DEFAULT));
    for (one, other) in one.variants.iter().zip(&other.variants) {
        assert_eq!(one.bytes, other.bytes);
    }
}

#[test]
fn a_file_cut_or_damaged_anywhere_is_rejected_and_never_panics() {
    let whole = jpeg(300, 200, PixelFormat::RGB, Subsamp::Sub2x2, &[1, 2, 3]);
    for end in 0..whole.len() {
        assert_eq!(
            code(&whole[..end]),
            if end < 3 && end > 0 {
                RejectionCode::UnsupportedFormat
            } else {
                RejectionCode::Corrupt
            }
        );
    }
    let mut state = 1u32;
    for _ in 0..500 {
        let mut damaged = whole.clone();
        for _ in 0..4 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = state as usize % damaged.len();
            damaged[at] = (state >> 24) as u8;
        }
        // Some damage changes colours only. What matters is that nothing worse happens.
        let _ = render(&damaged, &Recipe::DEFAULT.parse().unwrap(), &LIMITS);
    }
}

#[test]
fn bytes_after_the_picture_do_no_harm() {
    let mut bytes = jpeg(300, 200, PixelFormat::RGB, Subsamp::Sub2x2, &[1, 2, 3]);
    bytes
        .extend_from_slice(b"a second picture, a video, a thumbnail: phones append what they like");
    assert_eq!(rendered(&bytes, Recipe::DEFAULT).variants.len(), 4);
}

#[test]
fn too_many_pixels_are_refused_by_the_header() {
    // The dimensions of a small file, overwritten: SOF0 holds height and width after its length and
    // precision.
    let mut bytes = jpeg(16, 16, PixelFormat::RGB, Subsamp::Sub2x2, &[1, 2, 3]);
    let at = bytes
        .windows(2)
        .position(|marker| marker == [0xff, 0xc0])
        .unwrap();
    bytes[at + 5..at + 9].copy_from_slice(&[0xf0, 0x00, 0xf0, 0x00]);
    let rejection = render(&bytes, &Recipe::DEFAULT.parse().unwrap(), &LIMITS).unwrap_err();
    assert_eq!(rejection.code, RejectionCode::TooLarge);
    assert!(
        rejection
            .detail
            .starts_with("61440x61440 pixels are more than the 10000000 allowed"),
        "{}",
        rejection.detail
    );
}

#[test]
fn a_profile_that_inflates_to_gigabytes_takes_no_memory() {
    let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..1_024 {
        std::io::Write::write_all(&mut deflated, &zeros).unwrap();
    }
    let profile = [&b"bomb\0\0"[..], &deflated.finish().unwrap()].concat();
    let scanline = {
        let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut deflated, &[0, 90]).unwrap();
        deflated.finish().unwrap()
    };
    let header = [0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0];
    let chunks = [
        (b"IHDR", &header[..]),
        (b"iCCP", &profile),
        (b"IDAT", &scanline),
        (b"IEND", &[]),
    ];
    let bytes = chunks
        .iter()
        .fold(b"\x89PNG\r\n\x1a\n".to_vec(), |file, (name, data)| {
            let length = u32::try_from(data.len()).unwrap().to_be_bytes();
            let mut checksum = flate2::Crc::new();
            checksum.update(&name[..]);
            checksum.update(data);
            [
                &file,
                &length[..],
                &name[..],
                data,
                &checksum.sum().to_be_bytes(),
            ]
            .concat()
        });
    let before = peak_memory_kib();
    assert_eq!(rendered(&bytes, "a=1").variants.len(), 1);
    let grown = peak_memory_kib() - before;
    assert!(
        grown < 300 << 10,
        "{grown} KiB for a file of {} bytes",
        bytes.len()
    );
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn stray_bytes_do_not_hide_that_a_file_is_cut_off() {
    let whole = jpeg(300, 200, PixelFormat::RGB, Subsamp::Sub2x2, &[1, 2, 3]);
    let end = whole.len() - 2;
    let stray = [&whole[..end], &[0x12, 0x34, 0x56], &whole[end..]].concat();
    assert_eq!(
        rendered(&stray, "a=100").variants.len(),
        1,
        "bytes before the end do no harm"
    );
    assert_eq!(
        code(&stray[..end + 3]),
        RejectionCode::Corrupt,
        "but there must be one"
    );
}
