//! To sRGB, on the small picture.
//!
//! An embedded profile (ICC.1:2022) says what the numbers of a picture mean. Without one they are
//! sRGB, or inks that mix as browsers mix them.

use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Layout as CmsLayout, TransformOptions};

use super::geometry::Size;
use super::pixels::{Layout, Pixels};
use super::raster::Raster;

/// Larger profiles are ignored. Those of presses have up to three megabytes.
pub(super) const MAX_PROFILE_BYTES: usize = 8 << 20;

/// Lightness 50: what is lighter is no black.
const MAX_BLACK: f64 = 0.184;

/// The picture in sRGB, made as small as `needed` before it is converted. A profile that cannot be
/// used, or that changes nothing, is ignored, as every viewer does.
pub(super) fn to_srgb(raster: Raster, profile: Option<&[u8]>, needed: Size) -> Raster {
    let layout = match &raster {
        Raster::Planes(_) => Layout::Rgb,
        Raster::Pixels(pixels) => pixels.layout(),
    };
    let is_small = |profile: &&[u8]| profile.len() <= MAX_PROFILE_BYTES;
    let profile = profile.filter(is_small);
    let conversion = profile.and_then(|profile| Conversion::new(profile, layout));
    match (conversion, layout) {
        (Some(conversion), _) => Raster::Pixels(conversion.apply(raster.shrunk(needed))),
        (None, Layout::Cmyk) => Raster::Pixels(mix_inks(raster.shrunk(needed))),
        (None, _) => raster,
    }
}

struct Conversion {
    transform: Arc<moxcms::Transform8BitExecutor>,
    /// Of what comes out.
    layout: Layout,
    /// What becomes of each value that comes out, if the darkest ink is not black.
    darkening: Option<[u8; 256]>,
}

impl Conversion {
    fn new(profile: &[u8], layout: Layout) -> Option<Self> {
        let profile = ColorProfile::new_from_slice(profile).ok()?;
        let (from, to, layout) = match (profile.color_space, layout) {
            (DataColorSpace::Rgb, Layout::Rgb) => (CmsLayout::Rgb, CmsLayout::Rgb, Layout::Rgb),
            (DataColorSpace::Rgb, Layout::Rgba) => (CmsLayout::Rgba, CmsLayout::Rgba, Layout::Rgba),
            (DataColorSpace::Gray, Layout::Gray) => (CmsLayout::Gray, CmsLayout::Rgb, Layout::Gray),
            (DataColorSpace::Cmyk, Layout::Cmyk) => (CmsLayout::Rgba, CmsLayout::Rgb, Layout::Rgb),
            _ => return None,
        };
        let srgb = ColorProfile::new_srgb();
        let transform = profile
            .create_transform_8bit(from, &srgb, to, TransformOptions::default())
            .ok()?;
        let mut conversion = Self {
            transform,
            layout,
            darkening: None,
        };
        if profile.color_space == DataColorSpace::Cmyk {
            conversion.darkening = darkening(conversion.darkest_ink());
        }
        conversion.changes_something(from).then_some(conversion)
    }

    fn changes_something(&self, from: CmsLayout) -> bool {
        let steps = [0, 37, 91, 128, 180, 223, 255];
        let colours = steps.iter().flat_map(|red| {
            steps
                .iter()
                .flat_map(move |green| steps.map(|blue| [*red, *green, blue]))
        });
        let check = |layout: Layout, samples: Vec<u8>| {
            let samples_size = Size::new((samples.len() / layout.channels()) as u32, 1);
            let before = Pixels::new(samples_size, layout, samples.clone());
            let after = self.apply(before);
            samples
                .iter()
                .zip(after.bytes())
                .any(|(before, after)| before.abs_diff(*after) > 1)
        };
        match (from, self.layout) {
            (CmsLayout::Gray, _) => check(Layout::Gray, steps.to_vec()),
            (CmsLayout::Rgb, _) => check(Layout::Rgb, colours.flatten().collect()),
            (_, Layout::Rgba) => check(
                Layout::Rgba,
                colours
                    .flat_map(|[red, green, blue]| [red, green, blue, 255])
                    .collect(),
            ),
            _ => true,
        }
    }

    /// How light the darkest mix of inks is, from 0 to 1.
    fn darkest_ink(&self) -> f64 {
        let mixes = [[255; 4], [0, 0, 0, 255]].concat();
        let mixed = self.apply(Pixels::new(Size::new(2, 1), Layout::Cmyk, mixes));
        let luminance = |[red, green, blue]: &[u8; 3]| {
            0.2126 * linear(*red) + 0.7152 * linear(*green) + 0.0722 * linear(*blue)
        };
        let luminances = mixed.bytes().as_chunks().0.iter().map(luminance);
        luminances.fold(1.0, f64::min)
    }

    fn apply(&self, pixels: Pixels) -> Pixels {
        let size = pixels.size();
        let channels = match self.layout {
            Layout::Gray => 3, // What comes out is RGB of three equal parts.
            layout => layout.channels(),
        };
        let mut bytes = vec![0; size.area() * channels];
        let converted = self.transform.transform(pixels.bytes(), &mut bytes);
        if let Some(darkening) = &self.darkening {
            for value in &mut bytes {
                *value = darkening[usize::from(*value)];
            }
        }
        match (converted, self.layout) {
            (Err(_), Layout::Rgb) if pixels.layout() == Layout::Cmyk => mix_inks(pixels),
            (Err(_), _) => pixels,
            (Ok(()), Layout::Gray) => {
                Pixels::new(size, Layout::Gray, bytes.into_iter().step_by(3).collect())
            }
            (Ok(()), layout) => Pixels::new(size, layout, bytes),
        }
    }
}

/// Black point compensation: white stays, and the darkest ink becomes black (Adobe Systems'
/// Implementation of Black Point Compensation, 2006). Without, pictures look as if seen through fog.
fn darkening(darkest: f64) -> Option<[u8; 256]> {
    let darkened = |value: u8| encoded((linear(value) - darkest) / (1.0 - darkest));
    (0.0005..MAX_BLACK)
        .contains(&darkest)
        .then(|| std::array::from_fn(|value| darkened(value as u8)))
}

/// Light of a value in sRGB (IEC 61966-2-1).
fn linear(value: u8) -> f64 {
    let value = f64::from(value) / 255.0;
    if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

fn encoded(light: f64) -> u8 {
    let light = light.clamp(0.0, 1.0);
    let value = if light <= 0.003_130_8 {
        light * 12.92
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    };
    (value * 255.0).round() as u8
}

/// Without a profile there is no right answer; this is the one that browsers give.
fn mix_inks(pixels: Pixels) -> Pixels {
    pixels.mapped(Layout::Rgb, |&[cyan, magenta, yellow, black]: &[u8; 4]| {
        let light = |ink: u8| u16::from(255 - ink);
        [cyan, magenta, yellow].map(|ink| ((light(ink) * light(black) + 127) / 255) as u8)
    })
}
