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
