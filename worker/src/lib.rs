//! The fleet member. A message walks from [`consumer`] through [`pipeline`], which is the list of
//! what happens to a picture; [`ingest`], [`storage`], [`render`] and [`announce`] are its rooms.

pub mod announce;
pub mod consumer;
pub mod http;
pub mod ingest;
pub mod lease;
pub mod metrics;
pub mod outcome;
pub mod pipeline;
pub mod render;
pub mod renderer;
pub mod settings;
pub mod storage;
pub mod turns;
pub mod variant_key;

mod files;
mod run;

pub use files::render_files;
pub use run::{StartError, run, stop_signal};
