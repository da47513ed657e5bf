//! Pictures with a picture on them.

use super::*;

/// A black square for the lower right corner.
fn watermark(style: &str) -> Watermark {
    let mark = encoded(
        &drawn(100, 100, |_, _| [0; 3]).into(),
        image::ImageFormat::Png,
    );
    Watermark::new(&mark, style.parse().unwrap(), &LIMITS).unwrap()
}

fn recipe(text: &str, style: &str) -> Recipe {
    text.parse::<Recipe>()
        .unwrap()
        .with_watermark(watermark(style))
}

const OPAQUE: &str = "southeast, margin=0%, opacity=100%, size=20%, min-width=150";

#[test]
fn variants_are_marked_unless_they_are_narrow_or_should_not_be() {
    let white = jpeg_of(&drawn(800, 600, |_, _| [255; 3]), Subsamp::Sub2x2);
    let recipe = recipe("a=400, b=200:png, c=149, d=400:unmarked", OPAQUE);
    let variants = render(&white, &recipe, &LIMITS).unwrap().variants;
    for variant in variants {
        let expected = if ["a", "b"].contains(&&variant.name[..]) {
            [0; 3]
        } else {
            [255; 3]
        };
        let corner = pixel(&variant, variant.width - 8, variant.height - 8);
        assert_close(corner, expected, 6, &variant.name);
        assert_close(pixel(&variant, 8, 8), [255; 3], 6, &variant.name);
    }
}

#[test]
fn a_mark_does_not_show_in_smaller_variants_that_are_made_from_marked_ones() {
    let white = jpeg_of(&drawn(800, 600, |_, _| [255; 3]), Subsamp::Sub2x2);
    let recipe = recipe("a=400, b=100:unmarked", OPAQUE);
    let variants = render(&white, &recipe, &LIMITS).unwrap().variants;
    assert_close(pixel(&variants[1], 97, 72), [255; 3], 2, "unmarked");
}

#[test]
fn the_look_of_the_mark_is_part_of_the_recipe() {
    let plain: Recipe = "a=400".parse().unwrap();
    let (one, other) = (recipe("a=400", OPAQUE), recipe("a=400", "north"));
    assert_ne!(plain.id(), one.id());
    assert_ne!(one.id(), other.id());
    assert_eq!(one.id(), recipe("a=400", &format!(" {OPAQUE},")).id());
}

#[test]
fn what_is_no_picture_cannot_be_a_mark() {
    let rejection = Watermark::new(b"<svg/>", OPAQUE.parse().unwrap(), &LIMITS).unwrap_err();
    assert!(
        rejection.detail.starts_with("SVG is not supported"),
        "{rejection}"
    );
}
