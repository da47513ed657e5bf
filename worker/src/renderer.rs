//! Rendering with everything that it needs at hand, and with a clock.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::render::{Limits, Recipe, Rejection, Rendered, Watermark, render_watched};
use crate::settings::{Place, RenderSettings};
use crate::storage::{self, StorageError};

/// Makes variants, all by the same recipe.
#[derive(Clone, Debug)]
pub struct Renderer {
    recipe: Recipe,
    limits: Limits,
    timeout: Duration,
}

/// Why there can be no renderer.
#[derive(Debug, thiserror::Error)]
pub enum RendererError {
    /// The watermark cannot be read from disk.
    #[error("cannot read the watermark {}", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// The watermark cannot be read from S3.
    #[error("cannot read the watermark")]
    Object(#[from] StorageError),
    /// The watermark is no picture.
    #[error("the watermark cannot be used")]
    Watermark(#[from] Rejection),
}

impl Renderer {
    /// Reads the watermark, if there is one.
    pub async fn new(settings: &RenderSettings) -> Result<Self, RendererError> {
        let RenderSettings {
            recipe,
            watermark,
            limits,
            timeout,
        } = settings.clone();
        let recipe = match watermark {
            Some((place, style)) => {
                let bytes = read(place).await?;
                recipe.with_watermark(Watermark::new(&bytes, style, &limits)?)
            }
            None => recipe,
        };
        Ok(Self {
            recipe,
            limits,
            timeout,
        })
    }

    /// Names all that decides the variants' bytes, besides the original.
    pub fn recipe_id(&self) -> &str {
        self.recipe.id()
    }

    /// Makes every variant. Keeps a processor busy: not for async threads.
    pub fn render(&self, bytes: &[u8]) -> Result<Rendered, Rejection> {
        let started = Instant::now();
        render_watched(bytes, &self.recipe, &self.limits, &mut |_| {
            if started.elapsed() > self.timeout {
                return Err(Rejection::too_slow(self.timeout.as_secs()));
            }
            Ok(())
        })
    }
}

async fn read(place: Place) -> Result<Vec<u8>, RendererError> {
    match place {
        Place::File(path) => std::fs::read(&path).map_err(|error| RendererError::File(path, error)),
        Place::Object(object) => Ok(storage::read(&shared::aws::config().await, &object).await?),
    }
}
