//! Whole files through everything that happens to a picture: a rejection or all variants, each of
//! which can be read again; never a panic.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use worker::render::{Limits, Recipe, Rendered, Variant, Watermark, render, sniff};

/// Small, so that what is slow or large within them is a mistake.
const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_pixels: 1 << 20,
    max_frames: 20,
};

/// Every output and every way into a box, in the order in which variants come.
const RECIPE: &str =
    "a=64, b=32x32:crop:png, c=32:webp, e=24:webp:animated, f=24x24:fill:upscale:q95, d=16:gif";
const NAMES: [&str; 6] = ["a", "c", "b", "e", "f", "d"];

static WATERMARK: &[u8] = include_bytes!("../seeds/render/png-rgba-8.png");

static WANTED: LazyLock<Recipe> = LazyLock::new(|| {
    let style = "center, size=50%, min-width=48".parse().expect("a style");
    let watermark = Watermark::new(WATERMARK, style, &LIMITS).expect("a picture");
    let recipe: Recipe = RECIPE.parse().expect("a recipe");
    recipe.with_copyright().with_watermark(watermark)
});
/// Reads a variant and makes as little of it as possible.
static READ_AGAIN: LazyLock<Recipe> = LazyLock::new(|| "a=1".parse().expect("a recipe"));

fuzz_target!(|bytes: &[u8]| {
    let Ok(rendered) = render(bytes, &WANTED, &LIMITS) else {
        return;
    };
    let names: Vec<_> = rendered
        .variants
        .iter()
        .map(|variant| &variant.name[..])
        .collect();
    assert_eq!(names, NAMES);
    for variant in &rendered.variants {
        check(variant, &rendered);
    }
});

fn check(variant: &Variant, Rendered { picture, .. }: &Rendered) {
    let name = &variant.name;
    assert_eq!(sniff(&variant.bytes), Ok(variant.format), "{name}");
    let again = render(&variant.bytes, &READ_AGAIN, &LIMITS);
    let again = again
        .unwrap_or_else(|rejection| panic!("{name}: {rejection}"))
        .picture;
    let size = (variant.width, variant.height);
    assert_eq!((again.width, again.height), size, "{name}");
    assert_eq!(again.orientation, 1, "{name}");
    let grows = name == "f" || (size.0 <= picture.width && size.1 <= picture.height);
    assert!(
        grows,
        "{name} of {}x{} has {size:?}",
        picture.width, picture.height
    );
}
