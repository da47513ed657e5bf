//! Whole pictures through [`render`]: one file for each thing that can be wrong with them.

use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use super::*;

mod animations;
#[cfg(feature = "avif")]
mod avifs;
mod colours;
mod formats;
mod hostile;
mod jpegs;
mod orientations;
mod privacy;
mod watermarks;

const LIMITS: Limits = Limits {
    max_bytes: u64::MAX,
    max_pixels: 10_000_000,
    max_frames: 100,
};

fn rendered(bytes: &[u8], recipe: &str) -> Rendered {
    render(bytes, &recipe.parse().unwrap(), &LIMITS).unwrap()
}

fn code(bytes: &[u8]) -> RejectionCode {
    render(bytes, &Recipe::DEFAULT.parse().unwrap(), &LIMITS)
        .unwrap_err()
        .code
}

fn jpeg(
    width: usize,
    height: usize,
    format: PixelFormat,
    subsamp: Subsamp,
    pixel: &[u8],
) -> Vec<u8> {
    let pixels = pixel.repeat(width * height);
    let pitch = width * pixel.len();
    let mut compressor = Compressor::new().unwrap();
    compressor.set_subsamp(subsamp).unwrap();
    compressor.set_quality(95).unwrap();
    compressor
        .compress_to_vec(Image {
            pixels: &pixels[..],
            width,
            pitch,
            height,
            format,
        })
        .unwrap()
}

fn first_pixel(variant: &Variant) -> [u8; 3] {
    image::load_from_memory(&variant.bytes)
        .unwrap()
        .into_rgb8()
        .get_pixel(0, 0)
        .0
}

fn close(left: [u8; 3], right: [u8; 3]) -> bool {
    left.iter()
        .zip(right)
        .all(|(left, right)| left.abs_diff(right) <= 4)
}

/// A picture whose pixels are given by their place.
fn drawn(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> image::RgbImage {
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb(pixel(x, y)))
}

/// A red, a green, a blue and a white quarter, in reading order.
fn quarters(width: u32, height: u32) -> image::RgbImage {
    drawn(width, height, |x, y| {
        match (x < width / 2, y < height / 2) {
            (true, true) => [255, 0, 0],
            (false, true) => [0, 255, 0],
            (true, false) => [0, 0, 255],
            (false, false) => [255, 255, 255],
        }
    })
}

fn encoded(image: &image::DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A JPEG of good quality with this subsampling.
fn jpeg_of(image: &image::RgbImage, subsamp: Subsamp) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_subsamp(subsamp).unwrap();
    compressor.set_quality(95).unwrap();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let image = Image {
        pixels: &image.as_raw()[..],
        width,
        pitch: width * 3,
        height,
        format: PixelFormat::RGB,
    };
    compressor.compress_to_vec(image).unwrap()
}

/// The file with a segment behind its first marker.
fn with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, data, &jpeg[2..]].concat()
}

/// A PNG of these chunks.
fn png_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let signature = b"\x89PNG\r\n\x1a\n".to_vec();
    chunks.iter().fold(signature, |file, (name, data)| {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        let mut checksum = flate2::Crc::new();
        checksum.update(&name[..]);
        checksum.update(data);
        let checksum = checksum.sum().to_be_bytes();
        [&file, &length[..], &name[..], data, &checksum].concat()
    })
}

fn deflated(chunks: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    for chunk in chunks {
        std::io::Write::write_all(&mut encoder, &chunk).unwrap();
    }
    encoder.finish().unwrap()
}

/// A variant, decoded by another library than the one that wrote it, where there is one.
fn seen(variant: &Variant) -> image::RgbaImage {
    let image = image::load_from_memory(&variant.bytes)
        .unwrap()
        .into_rgba8();
    assert_eq!(
        (image.width(), image.height()),
        (variant.width, variant.height)
    );
    image
}

fn pixel(variant: &Variant, x: u32, y: u32) -> [u8; 3] {
    let [red, green, blue, _] = seen(variant).get_pixel(x, y).0;
    [red, green, blue]
}

fn assert_close(found: [u8; 3], expected: [u8; 3], tolerance: u8, what: &str) {
    let far = found
        .iter()
        .zip(expected)
        .any(|(a, b)| a.abs_diff(b) > tolerance);
    assert!(!far, "{what}: {found:?} instead of {expected:?}");
}
