//! The texts in settings: no text panics, and what is accepted means the same when it is shown and
//! read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use worker::render::{Recipe, WatermarkStyle};
use worker::variant_key::{KeyParts, KeyTemplate};

/// No key in S3 is longer.
const MAX_KEY_BYTES: usize = 1_024;

fuzz_target!(|text: &str| {
    recipe(text);
    watermark_style(text);
    key_template(text);
});

fn recipe(text: &str) {
    let Ok(recipe) = text.parse::<Recipe>().map_err(|error| error.to_string()) else {
        return;
    };
    let shown = recipe.to_string();
    let again: Recipe = shown.parse().expect("what is shown can be read");
    assert_eq!(recipe.id(), again.id(), "{shown:?}");
    assert_eq!(shown, again.to_string());
    assert_ne!(recipe.id(), again.with_copyright().id(), "{shown:?}");
}

fn watermark_style(text: &str) {
    let style = text.parse::<WatermarkStyle>();
    let Ok(style) = style.map_err(|error| error.to_string()) else {
        return;
    };
    assert_eq!(style.to_string().parse::<WatermarkStyle>().unwrap(), style);
}

fn key_template(text: &str) {
    let template = text.parse::<KeyTemplate>();
    let Ok(template) = template.map_err(|error| error.to_string()) else {
        return;
    };
    let again: KeyTemplate = template
        .to_string()
        .parse()
        .expect("what is shown can be read");
    assert_eq!(template.to_string(), again.to_string());
    // As in life: another image has another fingerprint.
    let key = |variant, path, fingerprint| {
        template.key(KeyParts {
            variant,
            path,
            fingerprint,
            extension: "jpg",
        })
    };
    let long = "\u{1f408}".repeat(MAX_KEY_BYTES / 4);
    let keys = [
        key("thumb", "cats/1", "0123456789ab"),
        key("phone", "cats/1", "0123456789ab"),
        key("thumb", "cats/2", "ba9876543210"),
        key("thumb", &long, "00112233aabb"),
    ];
    for (at, key) in keys.iter().enumerate() {
        let Some(key) = key else { continue };
        assert!(key.len() <= MAX_KEY_BYTES, "{key} is too long");
        let is_unique = !keys[..at].contains(&Some(key.clone()));
        assert!(is_unique, "{key} is two variants");
    }
}
