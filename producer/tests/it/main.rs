//! The producer's verbs, run for real against the emulator, with a real worker where one is needed.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod verbs;

#[path = "../../../shared/tests/support/mod.rs"]
mod support;
