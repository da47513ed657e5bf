//! A picture in whichever form its decoder gave it.

use super::geometry::{Extent, Size, Window};
use super::orientation::Orientation;
use super::pixels::Pixels;
use super::planes::Planes;

/// A decoded picture.
#[derive(Clone, Debug)]
pub(super) enum Raster {
    Planes(Planes),
    Pixels(Pixels),
}

impl Raster {
    pub(super) fn size(&self) -> Size {
        match self {
            Self::Planes(planes) => planes.size(),
            Self::Pixels(pixels) => pixels.size(),
        }
    }

    pub(super) fn extent(&self) -> Extent {
        match self {
            Self::Planes(planes) => planes.extent,
            Self::Pixels(pixels) => pixels.size().extent(),
        }
    }

    /// `window` of this picture at another size, both as they lie. Planes of colour are made for one
    /// in so many columns and rows.
    pub(super) fn resized(
        &self,
        window: Window,
        size: Size,
        sampling: (u32, u32),
        orientation: Orientation,
    ) -> Self {
        match self {
            Self::Planes(planes) => {
                Self::Planes(planes.resized(window, size, sampling, orientation))
            }
            Self::Pixels(pixels) => Self::Pixels(pixels.resized(window, size)),
        }
    }

    /// All of this picture at another size, as it is to be seen, with colour at full size.
    pub(super) fn shrunk(self, size: Size) -> Pixels {
        match self {
            Self::Planes(planes) => planes
                .resized(Window::WHOLE, size, (1, 1), Orientation::UPRIGHT)
                .into_rgb(),
            Self::Pixels(pixels) if pixels.size() == size => pixels,
            Self::Pixels(pixels) => pixels.resized(Window::WHOLE, size),
        }
    }

    pub(super) fn upright(self, orientation: Orientation) -> Self {
        match self {
            Self::Planes(planes) => Self::Planes(planes.upright(orientation)),
            Self::Pixels(pixels) => Self::Pixels(orientation.apply(pixels)),
        }
    }

    pub(super) fn into_pixels(self) -> Pixels {
        match self {
            Self::Planes(planes) => planes.into_rgb(),
            Self::Pixels(pixels) => pixels,
        }
    }

    pub(super) fn is_opaque(&self) -> bool {
        match self {
            Self::Planes(_) => true,
            Self::Pixels(pixels) => !pixels.has_alpha(),
        }
    }
}
