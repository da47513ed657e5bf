//! Files that mean no good.

use super::*;

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

/// A file of each format, with enough detail that its pixels take most of its bytes.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    use image::ImageFormat::{Bmp, Gif, Png, Tiff, WebP};
    let noise = |x: u32, y: u32| [(x * y * 7) as u8, (x * 31 + y) as u8, (y * 13) as u8];
    let image = image::DynamicImage::from(drawn(64, 48, noise));
    let mut files: Vec<_> = [
        ("png", Png),
        ("gif", Gif),
        ("webp", WebP),
        ("tiff", Tiff),
        ("bmp", Bmp),
    ]
    .map(|(name, format)| (name, encoded(&image, format)))
    .to_vec();
    files.push(("jpeg", jpeg_of(&image.to_rgb8(), Subsamp::Sub2x2)));
    let lossy = rendered(&files[0].1, "a=64:webp").variants.remove(0).bytes;
    files.push(("lossy webp", lossy));
    files
}

/// The one policy for what is cut off: it is corrupt, however little is missing.
#[test]
fn pictures_without_their_last_rows_are_corrupt_in_every_format() {
    for (name, bytes) in samples() {
        assert_eq!(rendered(&bytes, "a=20").variants.len(), 1, "{name}");
        for part in [30, 60, 90, 97] {
            let cut = &bytes[..bytes.len() * part / 100];
            let rejection = render(cut, &"a=20".parse().unwrap(), &LIMITS).unwrap_err();
            assert_eq!(
                rejection.code,
                RejectionCode::Corrupt,
                "{part} % of {name}: {rejection}"
            );
        }
    }
}

#[test]
fn damage_anywhere_is_no_panic() {
    let recipe: Recipe = "a=20, b=10x10:crop:webp, c=16:animated, d=8:gif:animated"
        .parse()
        .unwrap();
    let mut state = 7_u32;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize
    };
    for (_, bytes) in samples() {
        for _ in 0..150 {
            let mut damaged = bytes.clone();
            // Headers are where it hurts.
            for _ in 0..3 {
                let at = random()
                    % damaged
                        .len()
                        .min(if random() % 2 == 0 { 64 } else { usize::MAX });
                damaged[at] = random() as u8;
            }
            damaged.truncate(damaged.len() - random() % 40);
            let _ = render(&damaged, &recipe, &LIMITS);
        }
    }
}

#[test]
fn headers_that_promise_too_much_are_refused_in_every_format() {
    let gif = b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;"
        .to_vec();
    let mut bmp =
        b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x60\xea\0\0\x60\xea\0\0\x01\0\x18\0".to_vec();
    bmp.resize(200, 0);
    let webp = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f\0\0\0\0\0\0\0\0\0".to_vec();
    let entry = |tag: u16, value: u32| {
        [
            &tag.to_be_bytes()[..],
            &[0, 4, 0, 0, 0, 1],
            &value.to_be_bytes(),
        ]
        .concat()
    };
    let fields = [
        (256, 60_000),
        (257, 60_000),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, 60_000),
        (279, 9),
    ];
    let fields: Vec<_> = fields
        .into_iter()
        .flat_map(|(tag, value)| entry(tag, value))
        .collect();
    let tiff = [b"MM\0*\0\0\0\x08\0\x08", &fields[..], &[0; 4]].concat();
    let png = png_of(&[
        (
            b"IHDR",
            &[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60, 8, 2, 0, 0, 0],
        ),
        (b"IDAT", &deflated([vec![0; 1 << 16]])),
        (b"IEND", &[]),
    ]);
    let before = peak_memory_kib();
    for (name, bytes) in [
        ("gif", gif),
        ("bmp", bmp),
        ("webp", webp),
        ("tiff", tiff),
        ("png", png),
    ] {
        let rejection = render(&bytes, &"a=20".parse().unwrap(), &LIMITS).unwrap_err();
        assert_eq!(
            rejection.code,
            RejectionCode::TooLarge,
            "{name}: {rejection}"
        );
    }
    assert!(peak_memory_kib() - before < 100 << 10);
}

#[test]
fn a_side_that_is_too_long_is_refused_even_with_few_pixels() {
    let png = png_of(&[
        (b"IHDR", &[0, 2, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0]),
        (b"IDAT", &deflated([vec![0; 131_073]])),
        (b"IEND", &[]),
    ]);
    let rejection = render(&png, &"a=20".parse().unwrap(), &LIMITS).unwrap_err();
    assert!(
        rejection.detail.starts_with("131072x1 pixels are too long"),
        "{rejection}"
    );
}

#[test]
fn whoever_watches_can_end_the_work() {
    let bytes = jpeg_of(&quarters(400, 300), Subsamp::Sub2x2);
    let recipe = Recipe::DEFAULT.parse().unwrap();
    let mut seen = Vec::new();
    let ended = render_watched(&bytes, &recipe, &LIMITS, &mut |stage| {
        seen.push(stage);
        if stage == Stage::Encode {
            return Err(Rejection::too_slow(7));
        }
        Ok(())
    });
    assert_eq!(ended.unwrap_err().code, RejectionCode::TooSlow);
    use Stage::{Colour, Decode, Encode, Inspect, Resize};
    assert_eq!(seen, [Inspect, Decode, Colour, Resize, Encode]);
}

/// A GIF whose frame is larger than its canvas, and beside it.
#[test]
fn frames_are_cut_at_their_canvas() {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, 40, 30, &[9, 9, 9, 200, 0, 0]).unwrap();
    let frame = gif::Frame {
        left: 20,
        top: 10,
        width: 60,
        height: 50,
        buffer: vec![1; 3_000].into(),
        ..gif::Frame::default()
    };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    let Rendered { picture, variants } = rendered(&bytes, "a=40:png");
    assert!(picture.has_alpha);
    let seen = seen(&variants[0]);
    assert_eq!(seen.get_pixel(5, 5).0[3], 0);
    assert_eq!(seen.get_pixel(35, 25).0, [200, 0, 0, 255]);
}

/// Files that fuzzing has found.
#[test]
fn what_has_gone_wrong_once_goes_right() {
    let planes_in_tiles = include_bytes!("../../../fuzz/seeds/render/found-tiff-tiled-planar.tif");
    assert_eq!(code(planes_in_tiles), RejectionCode::UnsupportedFormat);
    let unknown_segment = include_bytes!("../../../fuzz/seeds/render/jpeg-unknown-segment.jpg");
    assert_eq!(rendered(unknown_segment, "a=20").variants.len(), 1);
}
