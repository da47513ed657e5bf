//! Pictures that tests drop, made here.

use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

/// A smooth picture of this size: its colours tell where a pixel was.
pub(crate) fn jpeg(width: usize, height: usize) -> Vec<u8> {
    encode(width, height, false, |x, y| {
        [(x * 255 / width) as u8, (y * 255 / height) as u8, 128]
    })
}

/// A picture that differs from others of its size only in `shade`.
pub(crate) fn plain(shade: u8) -> Vec<u8> {
    encode(400, 300, false, |_, _| [shade, shade, 255 - shade])
}

/// Noise, progressive: takes a worker seconds to decode.
pub(crate) fn slow_jpeg() -> Vec<u8> {
    let mut state = 1u32;
    encode(6_000, 4_000, true, move |_, _| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let [a, b, c, _] = state.to_le_bytes();
        [a, b, c]
    })
}

fn encode(
    width: usize,
    height: usize,
    progressive: bool,
    mut pixel: impl FnMut(usize, usize) -> [u8; 3],
) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            pixels.extend(pixel(x, y));
        }
    }
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(85).unwrap();
    compressor.set_subsamp(Subsamp::Sub2x2).unwrap();
    compressor.set_progressive(progressive).unwrap();
    let (pitch, format) = (width * 3, PixelFormat::RGB);
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

/// The same JPEG with an EXIF segment that says nothing but this orientation, and a GPS position
/// that nobody should see.
pub(crate) fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]); // Orientation, SHORT
    tiff.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38]); // GPS directory at byte 38
    tiff.extend([0, 0, 0, 0]); // no further directory
    tiff.extend([0, 1, 0, 1, 0, 2, 0, 0, 0, 2, b'N', 0, 0, 0]); // GPSLatitudeRef: north
    tiff.extend([0, 0, 0, 0]);
    let length = u16::try_from(2 + 6 + tiff.len()).unwrap().to_be_bytes();
    [
        &jpeg[..2],
        &[0xff, 0xe1],
        &length,
        b"Exif\0\0",
        &tiff,
        &jpeg[2..],
    ]
    .concat()
}

/// Half transparent, half opaque red.
pub(crate) fn transparent_png(width: u32, height: u32) -> Vec<u8> {
    use image::{ExtendedColorType, ImageEncoder as _, codecs::png::PngEncoder};
    let pixel = |at: u32| {
        if at % width < width / 2 {
            [255, 0, 0, 255]
        } else {
            [0, 0, 255, 0]
        }
    };
    let pixels: Vec<u8> = (0..width * height).flat_map(pixel).collect();
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new(&mut bytes);
    encoder
        .write_image(&pixels, width, height, ExtendedColorType::Rgba8)
        .unwrap();
    bytes
}

/// An animation of so many frames, each of another colour.
pub(crate) fn gif(width: u32, height: u32, frames: u8) -> Vec<u8> {
    use image::codecs::gif::GifEncoder;
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for frame in 0..frames {
        let colour = image::Rgba([frame * 80, 255 - frame * 80, 60, 255]);
        let image = image::RgbaImage::from_pixel(width, height, colour);
        encoder.encode_frame(image::Frame::new(image)).unwrap();
    }
    drop(encoder);
    bytes
}

/// Width and height of an encoded picture, decoded by another library than the worker's own.
pub(crate) fn size(bytes: &[u8]) -> (u32, u32) {
    let picture = image::load_from_memory(bytes).unwrap();
    (picture.width(), picture.height())
}
