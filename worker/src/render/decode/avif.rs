//! AVIF through libaom.

use avif_decode::{Decoder, Image};

use super::super::geometry::Size;
use super::super::pixels::{Layout, Pixels};
use super::super::raster::Raster;
use super::super::{Limits, Rejection};
use super::{Decoded, checked_size};

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, Rejection> {
    let container = avif_parse::read_avif(&mut &bytes[..]).map_err(refused)?;
    if container.premultiplied_alpha {
        return Err(Rejection::unsupported("AVIF with premultiplied alpha"));
    }
    let alpha = container
        .alpha_item_metadata()
        .map_err(Rejection::corrupt)?;
    let colour = container
        .primary_item_metadata()
        .map_err(Rejection::corrupt)?;
    for header in alpha.iter().chain([&colour]) {
        let (width, height) = (header.max_frame_width, header.max_frame_height);
        checked_size(width.get().into(), height.get().into(), limits)?;
    }
    drop(container);
    let image = Decoder::from_avif(bytes).and_then(Decoder::to_image);
    let pixels = pixels(image.map_err(Rejection::corrupt)?);
    Ok(Decoded {
        size: pixels.size(),
        raster: Raster::Pixels(pixels.without_idle_alpha()),
        profile: None,
        animated: false,
    })
}

fn refused(error: avif_parse::Error) -> Rejection {
    match error {
        avif_parse::Error::Unsupported(_) => Rejection::unsupported("this kind of AVIF"),
        error => Rejection::corrupt(error),
    }
}

fn pixels(image: Image) -> Pixels {
    let size = |width: usize, height: usize| Size::new(width as u32, height as u32);
    let near = |sample: u16| ((u32::from(sample) * 255 + 32_767) / 65_535) as u8;
    match image {
        Image::Gray8(image) => {
            let bytes = image.pixels().map(|pixel| pixel.value()).collect();
            Pixels::new(size(image.width(), image.height()), Layout::Gray, bytes)
        }
        Image::Gray16(image) => {
            let bytes = image.pixels().map(|pixel| near(pixel.value())).collect();
            Pixels::new(size(image.width(), image.height()), Layout::Gray, bytes)
        }
        Image::Rgb8(image) => {
            let bytes = image.pixels().flat_map(<[u8; 3]>::from).collect();
            Pixels::new(size(image.width(), image.height()), Layout::Rgb, bytes)
        }
        Image::Rgb16(image) => {
            let bytes = image
                .pixels()
                .flat_map(|pixel| <[u16; 3]>::from(pixel).map(near));
            let size = size(image.width(), image.height());
            Pixels::new(size, Layout::Rgb, bytes.collect())
        }
        Image::Rgba8(image) => {
            let bytes = image.pixels().flat_map(<[u8; 4]>::from).collect();
            Pixels::new(size(image.width(), image.height()), Layout::Rgba, bytes)
        }
        Image::Rgba16(image) => {
            let bytes = image
                .pixels()
                .flat_map(|pixel| <[u16; 4]>::from(pixel).map(near));
            let size = size(image.width(), image.height());
            Pixels::new(size, Layout::Rgba, bytes.collect())
        }
    }
}
