//! A picture on top of the variants.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use shared::identity::hex;

use super::geometry::{Size, Window};
use super::pixels::{Layout, Pixels};
use super::{Limits, Rejection, colour, decode, sniff};

/// Larger marks are made smaller once.
const MAX_SIDE: u32 = 2_048;

/// What to draw, and how.
#[derive(Debug)]
pub struct Watermark {
    pixels: Pixels,
    style: WatermarkStyle,
    id: String,
}

/// Where and how a watermark is drawn. Parsed from a text such as `southeast, margin=2%,
/// opacity=60%, size=20%, min-width=300`.
#[derive(Clone, Debug, PartialEq)]
pub struct WatermarkStyle {
    /// Which part of the space around it is on its left, and above it: 0, a half, or 1.
    gravity: (f64, f64),
    /// Of the variant's shorter side.
    margin: f64,
    opacity: f64,
    /// Of the variant's width.
    size: f64,
    /// Pixels. Narrower variants stay unmarked.
    min_width: u32,
    text: String,
}

/// Why a text is not a style.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is none of {gravities}, margin=0% to 50%, opacity=1% to 100%, size=1% to 100%, min-width=PIXELS", gravities = WatermarkStyle::gravities())]
pub struct WatermarkStyleError(String);

const GRAVITIES: [(&str, (f64, f64)); 9] = [
    ("northwest", (0.0, 0.0)),
    ("north", (0.5, 0.0)),
    ("northeast", (1.0, 0.0)),
    ("west", (0.0, 0.5)),
    ("center", (0.5, 0.5)),
    ("east", (1.0, 0.5)),
    ("southwest", (0.0, 1.0)),
    ("south", (0.5, 1.0)),
    ("southeast", (1.0, 1.0)),
];

impl WatermarkStyle {
    /// Small and in a corner.
    pub const DEFAULT: &str = "southeast, margin=2%, opacity=60%, size=20%, min-width=300";

    fn gravities() -> String {
        GRAVITIES.map(|(name, _)| name).join(", ")
    }

    fn set(&mut self, text: &str) -> Option<()> {
        if let Some((_, gravity)) = GRAVITIES.into_iter().find(|(name, _)| *name == text) {
            self.gravity = gravity;
            return Some(());
        }
        let (name, value) = text.split_once('=')?;
        let percent = |range: std::ops::RangeInclusive<f64>| {
            let percent: f64 = value.trim().strip_suffix('%')?.parse().ok()?;
            range.contains(&percent).then_some(percent / 100.0)
        };
        match name.trim() {
            "margin" => self.margin = percent(0.0..=50.0)?,
            "opacity" => self.opacity = percent(1.0..=100.0)?,
            "size" => self.size = percent(1.0..=100.0)?,
            "min-width" => self.min_width = value.trim().parse().ok()?,
            _ => return None,
        }
        Some(())
    }
}

impl FromStr for WatermarkStyle {
    type Err = WatermarkStyleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut style = Self {
            gravity: (1.0, 1.0),
            margin: 0.02,
            opacity: 0.6,
            size: 0.2,
            min_width: 300,
            text: text.to_owned(),
        };
        let parts = text.split(',').map(str::trim);
        for part in parts.filter(|part| !part.is_empty()) {
            style
                .set(part)
                .ok_or_else(|| WatermarkStyleError(part.to_owned()))?;
        }
        Ok(style)
    }
}

impl fmt::Display for WatermarkStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Watermark {
    /// From a picture in any format that is read; the best have transparent parts.
    pub fn new(bytes: &[u8], style: WatermarkStyle, limits: &Limits) -> Result<Self, Rejection> {
        let decoded = decode::decode(bytes, sniff(bytes)?, limits, |size| size)?;
        let small = decoded
            .size
            .min(decoded.size.fitted(Size::new(MAX_SIDE, MAX_SIDE)));
        let raster = colour::to_srgb(decoded.raster, decoded.profile.as_deref(), small);
        let mut digest = Sha256::new();
        digest.update(bytes);
        let WatermarkStyle {
            gravity,
            margin,
            opacity,
            size,
            min_width,
            ..
        } = &style;
        digest.update(format!("{gravity:?} {margin} {opacity} {size} {min_width}"));
        Ok(Self {
            pixels: raster.shrunk(small).with_alpha(),
            style,
            id: hex(&digest.finalize()[..8]),
        })
    }

    /// Names its look.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether it is drawn on a variant of this size.
    pub(super) fn marks(&self, variant: Size) -> bool {
        variant.width >= self.style.min_width
    }

    /// The upright variant with the mark on it.
    pub(super) fn draw(&self, variant: Pixels) -> Pixels {
        let size = variant.size();
        let margin = (f64::from(size.width.min(size.height)) * self.style.margin).round() as u32;
        let inner = |length: u32| length.saturating_sub(2 * margin).max(1);
        let space = Size::new(inner(size.width), inner(size.height));
        let width = (f64::from(size.width) * self.style.size).round() as u32;
        let wanted = Size::new(width.clamp(1, space.width), space.height);
        let mark = self
            .pixels
            .resized(Window::WHOLE, self.pixels.size().fitted(wanted).min(space));
        let place = |free: u32, gravity: f64| {
            margin.min(size.width.min(size.height) / 2) + (f64::from(free) * gravity).round() as u32
        };
        let left = place(space.width - mark.size().width, self.style.gravity.0);
        let top = place(space.height - mark.size().height, self.style.gravity.1);
        self.blend(variant.coloured(), &mark, (left as usize, top as usize))
    }

    fn blend(&self, mut variant: Pixels, mark: &Pixels, (left, top): (usize, usize)) -> Pixels {
        let channels = variant.layout().channels();
        let has_alpha = variant.layout() == Layout::Rgba;
        let stride = variant.size().width as usize * channels;
        let mark_rows = mark
            .bytes()
            .as_chunks::<4>()
            .0
            .chunks_exact(mark.size().width as usize);
        let rows = variant.bytes_mut().chunks_exact_mut(stride).skip(top);
        for (row, mark_row) in rows.zip(mark_rows) {
            let pixels = row.chunks_exact_mut(channels).skip(left);
            for (under, &[red, green, blue, alpha]) in pixels.zip(mark_row) {
                let over = f64::from(alpha) / 255.0 * self.style.opacity;
                let below = if has_alpha {
                    f64::from(under[3]) / 255.0
                } else {
                    1.0
                } * (1.0 - over);
                let both = over + below;
                if both <= 0.0 {
                    continue;
                }
                for (under, colour) in under.iter_mut().zip([red, green, blue]) {
                    let mixed = f64::from(colour) * over + f64::from(*under) * below;
                    *under = (mixed / both).round() as u8;
                }
                if has_alpha {
                    under[3] = (both * 255.0).round() as u8;
                }
            }
        }
        variant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(text: &str) -> WatermarkStyle {
        text.parse().unwrap()
    }

    /// A white mark of 40 x 20.
    fn mark(text: &str) -> Watermark {
        Watermark {
            pixels: Pixels::new(Size::new(40, 20), Layout::Rgba, vec![255; 3_200]),
            style: style(text),
            id: String::new(),
        }
    }

    /// The first and the last marked column and row of a black picture.
    fn marked(text: &str, size: Size) -> ((u32, u32), (u32, u32)) {
        let black = Pixels::new(size, Layout::Gray, vec![0; size.area()]);
        let drawn = mark(text).draw(black);
        let is_marked = |(_, pixel): &(usize, &[u8])| pixel[0] > 0;
        let pixels = drawn.bytes().chunks_exact(3).enumerate();
        let found: Vec<_> = pixels.filter(is_marked).map(|(at, _)| at as u32).collect();
        let columns = found.iter().map(|at| at % size.width);
        let rows = found.iter().map(|at| at / size.width);
        let range =
            |values: Vec<u32>| (*values.iter().min().unwrap(), *values.iter().max().unwrap());
        (range(columns.collect()), range(rows.collect()))
    }

    #[test]
    fn gravity_margin_and_size_say_where_it_is() {
        let size = Size::new(200, 100);
        assert_eq!(
            marked("southeast, margin=2%, size=20%", size),
            ((158, 197), (78, 97))
        );
        assert_eq!(
            marked("northwest, margin=0%, size=10%", size),
            ((0, 19), (0, 9))
        );
        assert_eq!(
            marked("center, size=100%, margin=0%", size),
            ((0, 199), (0, 99))
        );
        assert_eq!(
            marked("north, size=100%, margin=10%", size),
            ((20, 179), (10, 89))
        );
    }

    #[test]
    fn opacity_mixes_and_transparent_variants_become_visible_where_it_is() {
        let drawn = mark("northwest, opacity=50%, size=100%, margin=0%").draw(Pixels::new(
            Size::new(2, 1),
            Layout::Rgba,
            vec![0, 0, 0, 255, 9, 9, 9, 0],
        ));
        assert_eq!(drawn.bytes(), [128, 128, 128, 255, 255, 255, 255, 128]);
    }

    #[test]
    fn tiny_variants_are_drawn_on_without_leaving_them() {
        for (width, height) in [(1, 1), (1, 50), (50, 1), (3, 2)] {
            for text in [
                "southeast, margin=50%",
                "northwest, margin=49%, size=100%",
                "center",
            ] {
                let size = Size::new(width, height);
                let pixels = Pixels::new(size, Layout::Gray, vec![0; size.area()]);
                assert_eq!(mark(text).draw(pixels).size(), size);
            }
        }
    }

    #[test]
    fn narrow_variants_stay_unmarked() {
        let mark = mark("min-width=300");
        assert!(!mark.marks(Size::new(299, 1_000)) && mark.marks(Size::new(300, 1)));
    }

    #[test]
    fn the_default_is_what_an_empty_style_means() {
        let (default, empty) = (style(WatermarkStyle::DEFAULT), style(""));
        assert_eq!(
            WatermarkStyle {
                text: String::new(),
                ..default
            },
            empty
        );
    }

    #[test]
    fn a_mistake_is_named() {
        for text in [
            "top",
            "margin=2",
            "opacity=0%",
            "size=101%",
            "min-width=-1",
            "size",
        ] {
            let error = format!("south, {text}")
                .parse::<WatermarkStyle>()
                .unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("{text:?} is none of northwest, ")),
                "{error}"
            );
        }
    }
}
