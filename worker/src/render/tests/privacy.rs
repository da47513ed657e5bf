//! What variants tell besides what can be seen.

use image::ImageFormat;

use super::*;

/// Camera, artist, copyright, and where it was: EXIF in full dress.
fn exif() -> Vec<u8> {
    use exif::experimental::Writer;
    use exif::{Field, In, Tag, Value};
    let text = |tag, text: &str| Field {
        tag,
        ifd_num: In::PRIMARY,
        value: Value::Ascii(vec![text.as_bytes().to_vec()]),
    };
    let fields = [
        text(Tag::Make, "Lumen"),
        text(Tag::Model, "Lumen X1"),
        text(Tag::Artist, "Ada Lovelace"),
        text(Tag::Copyright, "(c) Ada"),
        text(Tag::DateTimeOriginal, "2024:05:01 12:34:56"),
        text(Tag::OffsetTimeOriginal, "+02:00"),
        text(Tag::GPSLatitudeRef, "N"),
        text(Tag::GPSDateStamp, "2024:05:01"),
    ];
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut bytes = std::io::Cursor::new(Vec::new());
    writer.write(&mut bytes, false).unwrap();
    bytes.into_inner()
}

fn photograph() -> Vec<u8> {
    let exif = [b"Exif\0\0".to_vec(), exif()].concat();
    let plain = with_segment(&jpeg_of(&quarters(400, 300), Subsamp::Sub2x2), 0xe1, &exif);
    let plain = with_segment(
        &plain,
        0xe1,
        b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>secret</x:xmpmeta>",
    );
    with_segment(&plain, 0xfe, b"secret comment")
}

const RECIPE: &str = "a=200, b=200:png, c=200:webp, d=200:gif";

fn has(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn all_metadata_is_removed() {
    for variant in rendered(&photograph(), RECIPE).variants {
        for text in [
            "Exif",
            "eXIf",
            "EXIF",
            "Lumen",
            "Ada",
            "secret",
            "2024",
            "ICC_PROFILE",
        ] {
            assert!(!has(&variant.bytes, text), "{text} in {:?}", variant.format);
        }
    }
}

#[test]
fn copyright_alone_is_kept_when_asked_for() {
    let recipe = RECIPE.parse::<Recipe>().unwrap().with_copyright();
    for variant in render(&photograph(), &recipe, &LIMITS).unwrap().variants {
        let ownership = Metadata::of(&variant.bytes).ownership();
        if variant.format != Format::Gif {
            assert_eq!(
                ownership.artist.as_deref(),
                Some("Ada Lovelace"),
                "{:?}",
                variant.format
            );
            assert_eq!(ownership.copyright.as_deref(), Some("(c) Ada"));
        }
        assert!(!has(&variant.bytes, "Lumen") && !has(&variant.bytes, "secret"));
        assert_eq!(sniff(&variant.bytes), Ok(variant.format));
        seen(&variant);
    }
}

#[test]
fn camera_and_time_are_recorded_from_every_container() {
    let image = image::DynamicImage::from(quarters(40, 30));
    let webp = encoded(&image, ImageFormat::WebP);
    let scanlines = deflated(
        image
            .to_rgb8()
            .as_raw()
            .chunks(120)
            .map(|row| [&[0], row].concat()),
    );
    let png = png_of(&[
        (b"IHDR", &[0, 0, 0, 40, 0, 0, 0, 30, 8, 2, 0, 0, 0]),
        (b"eXIf", &exif()),
        (b"IDAT", &scanlines),
        (b"IEND", &[]),
    ]);
    for bytes in [
        photograph(),
        webpx::embed_exif(&webp, &exif()).unwrap(),
        png,
    ] {
        let picture = rendered(&bytes, "a=20").picture;
        assert_eq!(
            picture.camera.as_deref(),
            Some("Lumen X1"),
            "{}",
            picture.format
        );
        assert_eq!(
            picture.captured_at.as_deref(),
            Some("2024-05-01T12:34:56+02:00")
        );
    }
}
