//! JPEGs of all kinds.

use super::*;

#[test]
fn every_subsampling_and_odd_sizes_keep_their_colour() {
    let subsampling = [
        Subsamp::None,
        Subsamp::Sub2x1,
        Subsamp::Sub2x2,
        Subsamp::Sub1x2,
        Subsamp::Sub4x1,
    ];
    for subsamp in subsampling {
        for (width, height) in [(401, 299), (7, 5), (1, 1), (1, 300), (1300, 3)] {
            let bytes = jpeg(width, height, PixelFormat::RGB, subsamp, &[200, 100, 50]);
            let Rendered { picture, variants } = rendered(&bytes, "a=150,b=64");
            assert_eq!(
                (picture.width as usize, picture.height as usize),
                (width, height)
            );
            for variant in variants {
                assert!(
                    close(first_pixel(&variant), [200, 100, 50]),
                    "{subsamp:?} {width}x{height}: {:?}",
                    first_pixel(&variant)
                );
            }
        }
    }
}

#[test]
fn gray_stays_gray() {
    let bytes = jpeg(400, 300, PixelFormat::GRAY, Subsamp::Gray, &[90]);
    let Rendered { variants, .. } = rendered(&bytes, "a=100");
    assert!(close(first_pixel(&variants[0]), [90, 90, 90]));
    let header = turbojpeg::read_header(&variants[0].bytes).unwrap();
    assert_eq!(header.colorspace, turbojpeg::Colorspace::Gray);
}

#[test]
fn inks_become_colours() {
    // libjpeg-turbo writes an Adobe segment with CMYK, and Adobe's inks are inverted: 255 is none.
    let bytes = jpeg(
        400,
        300,
        PixelFormat::CMYK,
        Subsamp::None,
        &[255, 0, 0, 255],
    );
    let Rendered { variants, .. } = rendered(&bytes, "a=100");
    assert!(
        close(first_pixel(&variants[0]), [255, 0, 0]),
        "{:?}",
        first_pixel(&variants[0])
    );
}

#[test]
fn a_large_picture_is_decoded_small_and_comes_out_at_the_right_size() {
    for width in [3000, 1024, 1025, 2047, 2048, 2049] {
        let bytes = jpeg(
            width,
            500,
            PixelFormat::RGB,
            Subsamp::Sub2x2,
            &[10, 200, 30],
        );
        let sizes: Vec<_> = rendered(&bytes, "a=1024,b=150")
            .variants
            .iter()
            .map(|v| (v.width, v.height))
            .collect();
        let height = |target: usize| u32::try_from((500 * target + width / 2) / width).unwrap();
        assert_eq!(sizes, [(1024, height(1024)), (150, height(150))], "{width}");
    }
}

#[test]
fn variants_depend_only_on_bytes_and_recipe() {
    let bytes = jpeg(800, 600, PixelFormat::RGB, Subsamp::Sub2x2, &[1, 2, 3]);
    let [one, other] = [0, 1].map(|_| rendered(&bytes, Recipe::DEFAULT));
    for (one, other) in one.variants.iter().zip(&other.variants) {
        assert_eq!(one.bytes, other.bytes);
    }
}

#[test]
fn bytes_after_the_picture_do_no_harm() {
    let mut bytes = jpeg(300, 200, PixelFormat::RGB, Subsamp::Sub2x2, &[1, 2, 3]);
    bytes
        .extend_from_slice(b"a second picture, a video, a thumbnail: phones append what they like");
    assert_eq!(rendered(&bytes, Recipe::DEFAULT).variants.len(), 4);
}

#[test]
fn stray_bytes_do_not_hide_that_a_file_is_cut_off() {
    let whole = jpeg(300, 200, PixelFormat::RGB, Subsamp::Sub2x2, &[1, 2, 3]);
    let end = whole.len() - 2;
    let stray = [&whole[..end], &[0x12, 0x34, 0x56], &whole[end..]].concat();
    assert_eq!(
        rendered(&stray, "a=100").variants.len(),
        1,
        "bytes before the end do no harm"
    );
    assert_eq!(
        code(&stray[..end + 3]),
        RejectionCode::Corrupt,
        "but there must be one"
    );
}
