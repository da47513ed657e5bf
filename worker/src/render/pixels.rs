//! Decoded pixels, eight bits each, row after row without gaps.

/// How many channels a pixel has, and which.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Layout {
    Gray,
    Rgb,
    Rgba,
}

impl Layout {
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// A picture in memory.
#[derive(Debug)]
pub(super) struct Pixels {
    width: u32,
    height: u32,
    layout: Layout,
    bytes: Vec<u8>,
}

impl Pixels {
    /// `bytes` must hold exactly `width * height` pixels.
    pub(super) fn new(width: u32, height: u32, layout: Layout, bytes: Vec<u8>) -> Self {
        assert_eq!(
            bytes.len(),
            width as usize * height as usize * layout.channels(),
            "{width}x{height} {layout:?}"
        );
        Self {
            width,
            height,
            layout,
            bytes,
        }
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether any pixel is less than opaque.
    pub(super) fn has_alpha(&self) -> bool {
        self.layout == Layout::Rgba
            && self
                .bytes
                .iter()
                .skip(3)
                .step_by(4)
                .any(|alpha| *alpha != u8::MAX)
    }

    /// The same colours, as if every pixel were opaque.
    pub(super) fn without_alpha(self) -> Self {
        if self.layout != Layout::Rgba {
            return self;
        }
        let bytes = self
            .bytes
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect();
        Self {
            layout: Layout::Rgb,
            bytes,
            ..self
        }
    }
}
