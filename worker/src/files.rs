//! `worker render`: local files through the fleet's own renderer.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;

use crate::render::{Rejection, Rendered, Variant};
use crate::renderer::{Renderer, RendererError};
use crate::settings::{FileSettings, OutputFormat};

/// Why local files could not be rendered. Pictures that are rejected are no errors.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// No recipe to render by.
    #[error(transparent)]
    Renderer(#[from] RendererError),
    /// A file could not be read.
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// A file could not be written.
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// Standard output is gone.
    #[error("cannot print")]
    Print(#[from] io::Error),
}

/// Renders every file into `settings.out`, as `name-variant.ext`, and prints what became of it.
/// Whether all are ready.
pub async fn render_files(settings: &FileSettings) -> Result<bool, FilesError> {
    let renderer = Renderer::new(&settings.render).await?;
    let mut all_ready = true;
    fs::create_dir_all(&settings.out)
        .map_err(|error| FilesError::Write(settings.out.clone(), error))?;
    for file in &settings.files {
        let bytes = fs::read(file).map_err(|error| FilesError::Read(file.clone(), error))?;
        let started = Instant::now();
        let rendered = match bytes.len() as u64 {
            size if size > settings.render.limits.max_bytes => Err(Rejection::too_many_bytes(
                size,
                settings.render.limits.max_bytes,
            )),
            _ => renderer.render(&bytes),
        };
        let elapsed_ms = started.elapsed().as_millis();
        all_ready &= rendered.is_ok();
        let written = rendered.map(|rendered| write_variants(&settings.out, file, rendered));
        let written =
            written.map_or_else(|rejection| Ok(Err(rejection)), |written| written.map(Ok))?;
        let text = match settings.output {
            OutputFormat::Text => text(file, &written, elapsed_ms),
            OutputFormat::Json => json_line(file, &written, elapsed_ms),
        };
        io::stdout().write_all(text.as_bytes())?;
    }
    Ok(all_ready)
}

type Written = (Rendered, Vec<PathBuf>);

fn write_variants(out: &Path, file: &Path, rendered: Rendered) -> Result<Written, FilesError> {
    let stem = file
        .file_stem()
        .unwrap_or(OsStr::new("picture"))
        .to_string_lossy();
    let mut paths = Vec::new();
    for Variant {
        name,
        format,
        bytes,
        ..
    } in &rendered.variants
    {
        let path = out.join(format!("{stem}-{name}.{}", format.extension()));
        fs::write(&path, bytes).map_err(|error| FilesError::Write(path.clone(), error))?;
        paths.push(path);
    }
    Ok((rendered, paths))
}

fn text(file: &Path, written: &Result<Written, Rejection>, elapsed_ms: u128) -> String {
    let file = file.display();
    let (Rendered { picture, variants }, paths) = match written {
        Ok(written) => written,
        Err(rejection) => return format!("{file}  rejected  {}: {rejection}\n", rejection.code),
    };
    let head = format!(
        "{file}  ready  {}x{} {}  {elapsed_ms} ms\n",
        picture.width, picture.height, picture.format
    );
    let line = |(variant, path): (&Variant, &PathBuf)| {
        let size = format!("{}x{}", variant.width, variant.height);
        let bytes = variant.bytes.len();
        format!(
            "  {:<10} {size:>9} {bytes:>9} bytes  {}\n",
            variant.name,
            path.display()
        )
    };
    head + &variants.iter().zip(paths).map(line).collect::<String>()
}

fn json_line(file: &Path, written: &Result<Written, Rejection>, elapsed_ms: u128) -> String {
    let line = match written {
        Ok((Rendered { picture, variants }, paths)) => {
            let variant = |(variant, path): (&Variant, &PathBuf)| {
                json!({
                    "name": variant.name,
                    "path": path,
                    "width": variant.width,
                    "height": variant.height,
                    "format": variant.format.name(),
                    "bytes": variant.bytes.len(),
                })
            };
            let variants: Vec<_> = variants.iter().zip(paths).map(variant).collect();
            json!({
                "file": file,
                "status": "ready",
                "picture": picture,
                "variants": variants,
                "processing_ms": elapsed_ms,
            })
        }
        Err(rejection) => json!({
            "file": file,
            "status": "rejected",
            "reason": { "code": rejection.code.as_str(), "detail": rejection.detail },
        }),
    };
    format!("{line}\n")
}
