//! AVIF, in and out.

use image::ImageFormat;

use super::*;

fn avif(image: &image::DynamicImage) -> Vec<u8> {
    let png = encoded(image, ImageFormat::Png);
    let mut variants = rendered(&png, "a=400:avif:q90").variants;
    assert_eq!(variants[0].format, Format::Avif);
    variants.remove(0).bytes
}

#[test]
fn colours_survive_the_way_out_and_back() {
    let bytes = avif(&quarters(400, 300).into());
    let Rendered { picture, variants } = rendered(&bytes, "a=400:png");
    assert_eq!(
        (&picture.format[..], picture.width, picture.height),
        ("avif", 400, 300)
    );
    let places = [
        (50, 50, [255, 0, 0]),
        (350, 50, [0, 255, 0]),
        (50, 250, [0, 0, 255]),
        (350, 250, [255; 3]),
    ];
    for (x, y, expected) in places {
        assert_close(pixel(&variants[0], x, y), expected, 8, "avif");
    }
}

#[test]
fn transparency_survives_too() {
    let half = image::RgbaImage::from_fn(400, 300, |x, _| {
        image::Rgba(if x < 200 { [200, 30, 30, 255] } else { [0; 4] })
    });
    let Rendered { picture, variants } = rendered(&avif(&half.into()), "a=400:png");
    assert!(picture.has_alpha);
    let seen = seen(&variants[0]);
    assert!(seen.get_pixel(50, 50).0[3] > 250 && seen.get_pixel(350, 50).0[3] < 5);
}

#[test]
fn limits_and_damage_are_noticed() {
    let bytes = avif(&quarters(400, 300).into());
    let recipe = "a=100".parse().unwrap();
    let small = Limits {
        max_pixels: 400 * 299,
        ..LIMITS
    };
    assert_eq!(
        render(&bytes, &recipe, &small).unwrap_err().code,
        RejectionCode::TooLarge
    );
    for end in [20, 100, bytes.len() / 2, bytes.len() - 1] {
        assert_eq!(code(&bytes[..end]), RejectionCode::Corrupt, "{end}");
    }
}
