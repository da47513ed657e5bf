//! Decoded pixels, eight bits each, row after row without gaps.

use super::geometry::{Size, Window};

/// How many channels a pixel has, and which.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Layout {
    Gray,
    /// Two colour differences.
    Chroma,
    Rgb,
    Rgba,
    /// Ink: 255 is all of it.
    Cmyk,
}

impl Layout {
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Chroma => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// A picture in memory.
#[derive(Clone, Debug)]
pub(super) struct Pixels {
    size: Size,
    layout: Layout,
    bytes: Vec<u8>,
}

impl Pixels {
    /// `bytes` must hold exactly `size` pixels.
    pub(super) fn new(size: Size, layout: Layout, bytes: Vec<u8>) -> Self {
        assert_eq!(
            bytes.len(),
            size.area() * layout.channels(),
            "{size} {layout:?}"
        );
        Self {
            size,
            layout,
            bytes,
        }
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// `window` of this picture, at another size.
    pub(super) fn resized(&self, window: Window, size: Size) -> Self {
        let source = super::resize::Source {
            bytes: &self.bytes,
            size: self.size,
            layout: self.layout,
        };
        let bytes = super::resize::resize(source, window.of(self.size.extent()), size);
        Self::new(size, self.layout, bytes)
    }

    /// Whether any pixel is less than opaque.
    pub(super) fn has_alpha(&self) -> bool {
        self.layout == Layout::Rgba
            && self
                .bytes
                .as_chunks()
                .0
                .iter()
                .any(|[.., alpha]: &[u8; 4]| *alpha != u8::MAX)
    }

    /// Without an alpha channel that says nothing.
    pub(super) fn without_idle_alpha(self) -> Self {
        if self.layout == Layout::Rgba && !self.has_alpha() {
            self.mapped(Layout::Rgb, |&[red, green, blue, _]: &[u8; 4]| {
                [red, green, blue]
            })
        } else {
            self
        }
    }

    /// On white, as paper would show it.
    pub(super) fn on_white(self) -> Self {
        if self.layout != Layout::Rgba {
            return self;
        }
        self.mapped(Layout::Rgb, |&[red, green, blue, alpha]: &[u8; 4]| {
            [red, green, blue].map(|colour| blend(colour, u8::MAX, alpha))
        })
    }

    /// With three or four channels: for encoders that know no gray.
    pub(super) fn coloured(self) -> Self {
        match self.layout {
            Layout::Gray => self.mapped(Layout::Rgb, |&[gray]: &[u8; 1]| [gray; 3]),
            _ => self,
        }
    }

    /// With four channels.
    pub(super) fn with_alpha(self) -> Self {
        match self.layout {
            Layout::Rgb => self.mapped(Layout::Rgba, |&[red, green, blue]: &[u8; 3]| {
                [red, green, blue, u8::MAX]
            }),
            Layout::Gray => self.coloured().with_alpha(),
            _ => self,
        }
    }

    /// Every pixel of `N` channels made one of `M`.
    pub(super) fn mapped<const N: usize, const M: usize>(
        self,
        layout: Layout,
        map: impl Fn(&[u8; N]) -> [u8; M],
    ) -> Self {
        assert_eq!((self.layout.channels(), layout.channels()), (N, M));
        let bytes = self.bytes.as_chunks().0.iter().flat_map(map).collect();
        Self::new(self.size, layout, bytes)
    }
}

/// `over`, with this opacity, on top of `under`.
pub(super) fn blend(over: u8, under: u8, opacity: u8) -> u8 {
    let (over, under, opacity) = (u16::from(over), u16::from(under), u16::from(opacity));
    ((over * opacity + under * (255 - opacity) + 127) / 255) as u8
}
