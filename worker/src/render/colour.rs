//! To sRGB, on the small picture.
//!
//! An embedded profile (ICC.1:2022) says what the numbers of a picture mean. Without one they are
//! sRGB, or inks that mix as browsers mix them.

use moxcms::{ColorProfile, DataColorSpace, Layout as CmsLayout, TransformOptions};

use super::geometry::Size;
use super::pixels::{Layout, Pixels};
use super::raster::Raster;

/// Larger profiles are ignored. Those of presses have up to three megabytes.
pub(super) const MAX_PROFILE_BYTES: usize = 8 << 20;

/// The picture in sRGB, made as small as `needed` before it is converted. A profile that cannot be
/// used, or that changes nothing, is ignored, as every viewer does.
pub(super) fn to_srgb(raster: Raster, profile: Option<&[u8]>, needed: Size) -> Raster {
    let layout = match &raster {
        Raster::Planes(_) => Layout::Rgb,
        Raster::Pixels(pixels) => pixels.layout(),
    };
    let conversion = profile.and_then(|profile| Conversion::new(profile, layout));
    match (conversion, layout) {
        (Some(conversion), _) => Raster::Pixels(conversion.apply(raster.shrunk(needed))),
        (None, Layout::Cmyk) => Raster::Pixels(mix_inks(raster.shrunk(needed))),
        (None, _) => raster,
    }
}

struct Conversion {
    transform: std::sync::Arc<moxcms::Transform8BitExecutor>,
    /// Of what comes out.
    layout: Layout,
}

impl Conversion {
    fn new(profile: &[u8], layout: Layout) -> Option<Self> {
        if profile.len() > MAX_PROFILE_BYTES {
            return None;
        }
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
        let conversion = Self { transform, layout };
        conversion.changes_something(from).then_some(conversion)
    }

    fn changes_something(&self, from: CmsLayout) -> bool {
        let steps = [0, 37, 91, 128, 180, 223, 255];
        let colours = steps.iter().flat_map(|red| {
            steps
                .iter()
                .flat_map(move |green| steps.map(|blue| [*red, *green, blue]))
        });
        let check = |layout, samples: Vec<u8>| {
            let samples_size = Size::new((samples.len() / layout_channels(layout)) as u32, 1);
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

    fn apply(&self, pixels: Pixels) -> Pixels {
        let size = pixels.size();
        let channels = match self.layout {
            Layout::Gray => 3, // What comes out is RGB of three equal parts.
            layout => layout.channels(),
        };
        let mut bytes = vec![0; size.area() * channels];
        let converted = self.transform.transform(pixels.bytes(), &mut bytes);
        match (converted, self.layout) {
            (Err(_), _) => pixels,
            (Ok(()), Layout::Gray) => {
                Pixels::new(size, Layout::Gray, bytes.into_iter().step_by(3).collect())
            }
            (Ok(()), layout) => Pixels::new(size, layout, bytes),
        }
    }
}

fn layout_channels(layout: Layout) -> usize {
    layout.channels()
}

/// Without a profile there is no right answer; this is the one that browsers give.
fn mix_inks(pixels: Pixels) -> Pixels {
    pixels.mapped(Layout::Rgb, |&[cyan, magenta, yellow, black]: &[u8; 4]| {
        let light = |ink: u8| u16::from(255 - ink);
        [cyan, magenta, yellow].map(|ink| ((light(ink) * light(black) + 127) / 255) as u8)
    })
}
