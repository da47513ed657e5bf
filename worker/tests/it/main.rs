//! What the fleet promises, shown with the real worker against the emulator.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod crashes;
mod duplicates;
mod files;
mod keys;
mod overwrites;
mod pictures;
mod recipes;
mod rejections;
mod service;
mod urls;

mod samples;
#[path = "../../../shared/tests/support/mod.rs"]
mod support;
