//! What a picture looks like in a few bytes: for pages that show something before it is loaded.

use shared::identity::hex;

use super::geometry::Size;
use super::pixels::Pixels;
use super::raster::Raster;

/// ThumbHash keeps no more detail than this (it allows up to 100).
const SIDE: u32 = 64;

/// A picture at a glance.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Impression {
    /// ThumbHash (<https://evanw.github.io/thumbhash/>), in hex.
    pub(super) thumbhash: String,
    /// `#rrggbb`.
    pub(super) dominant_colour: String,
}

impl Impression {
    /// Of an upright picture of any size; small ones are cheaper.
    pub(super) fn of(picture: &Raster) -> Self {
        let size = picture.size();
        let small = if size.width.max(size.height) > SIDE {
            size.fitted(Size::new(SIDE, SIDE))
        } else {
            size
        };
        let small = picture.clone().shrunk(small).with_alpha();
        let Size { width, height } = small.size();
        let hash = thumbhash::rgba_to_thumb_hash(width as usize, height as usize, small.bytes());
        Self {
            thumbhash: hex(&hash),
            dominant_colour: dominant_colour(&small),
        }
    }
}

/// The mean of the fullest of 512 boxes of similar colours. A mean of all would be brown.
fn dominant_colour(pixels: &Pixels) -> String {
    let mut boxes = vec![[0_u64; 4]; 512];
    for &[red, green, blue, alpha] in pixels.bytes().as_chunks().0 {
        let index = [red, green, blue]
            .iter()
            .fold(0, |index, colour| index << 3 | usize::from(colour >> 5));
        for (sum, value) in boxes[index].iter_mut().zip([red, green, blue, 255]) {
            *sum += u64::from(value) * u64::from(alpha);
        }
    }
    let fullest = boxes
        .into_iter()
        .max_by_key(|sums| sums[3])
        .unwrap_or_default();
    let mean = |sum: u64| (sum * 255).checked_div(fullest[3]).unwrap_or(255);
    format!(
        "#{:02x}{:02x}{:02x}",
        mean(fullest[0]),
        mean(fullest[1]),
        mean(fullest[2])
    )
}

#[cfg(test)]
mod tests {
    use super::super::pixels::Layout;
    use super::*;

    fn dominant(pixels: &[[u8; 4]]) -> String {
        let size = Size::new(pixels.len() as u32, 1);
        dominant_colour(&Pixels::new(size, Layout::Rgba, pixels.concat()))
    }

    #[test]
    fn the_colour_of_most_is_dominant_and_transparent_pixels_have_none() {
        let (red, blue) = ([200, 0, 0, 255], [0, 0, 200, 255]);
        assert_eq!(dominant(&[red, blue, red]), "#c80000");
        assert_eq!(dominant(&[[0, 0, 0, 0], [0, 0, 0, 0], blue]), "#0000c8");
        assert_eq!(dominant(&[[0, 0, 0, 0]]), "#ffffff");
        assert_eq!(dominant(&[[200, 0, 0, 255], [202, 0, 0, 255]]), "#c90000");
    }
}
