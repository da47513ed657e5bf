//! The first bytes of anything: they never panic, and lead to a format of the closed set or to a
//! rejection that says what to do.

#![no_main]

use libfuzzer_sys::fuzz_target;
use worker::render::{RejectionCode, sniff};

const NAMES: [&str; 7] = ["jpeg", "png", "gif", "webp", "tiff", "bmp", "avif"];

fuzz_target!(|bytes: &[u8]| {
    match sniff(bytes) {
        Ok(format) => {
            assert!(NAMES.contains(&format.name()), "{}", format.name());
            assert_eq!(format.content_type(), format!("image/{}", format.name()));
        }
        Err(rejection) => {
            let expected = if bytes.is_empty() {
                RejectionCode::Corrupt
            } else {
                RejectionCode::UnsupportedFormat
            };
            assert_eq!(rejection.code, expected, "{rejection}");
        }
    }
});
