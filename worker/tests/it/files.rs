//! `worker render`: local files, without AWS.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::samples::{jpeg, size};

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("image-fleet-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn render(files: &[&Path], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command
        .env_clear()
        .arg("render")
        .args(files)
        .args(arguments);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn variants_are_written_and_told() {
    let folder = Folder::new("told");
    let picture = folder.write("cat.jpg", &jpeg(800, 600));
    let out = folder.0.join("made/here");
    let output = render(&[&picture], &["--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let told = text(&output.stdout);
    assert!(told.contains("cat.jpg  ready  800x600 jpeg"), "{told}");
    let thumb = out.join("cat-thumb.jpg");
    assert!(told.contains(thumb.to_str().unwrap()), "{told}");
    assert_eq!(size(&fs::read(thumb).unwrap()), (150, 113));
    assert_eq!(fs::read_dir(out).unwrap().count(), 4);
}

#[test]
fn programs_read_json_and_a_rejection_is_no_crash() {
    let folder = Folder::new("json");
    let good = folder.write("good.jpg", &jpeg(300, 200));
    let bad = folder.write("bad.jpg", b"%PDF-1.7");
    let out = folder.0.to_str().unwrap();
    let arguments = ["--out", out, "--output", "json", "--recipe", "x=10:webp"];
    let output = render(&[&bad, &good], &arguments);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["status"], "rejected");
    assert_eq!(lines[0]["reason"]["code"], "unsupported_format");
    assert_eq!(lines[1]["status"], "ready");
    assert_eq!(lines[1]["picture"]["width"], 300);
    assert_eq!(lines[1]["variants"][0]["format"], "webp");
}

#[test]
fn mistakes_are_named() {
    let folder = Folder::new("mistakes");
    let picture = folder.write("cat.jpg", &jpeg(30, 20));
    let out = ["--out", folder.0.to_str().unwrap()];
    let wrong = render(
        &[&picture],
        &[&out[..], &["--recipe", "x=1:tif", "--max-pixels", "0"]].concat(),
    );
    let told = text(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(2), "{told}");
    assert!(
        told.contains("--recipe") && told.contains("--max-pixels"),
        "{told}"
    );
    let absent = render(&[Path::new("/nowhere.jpg")], &out);
    let told = text(&absent.stderr);
    assert_eq!(absent.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot read /nowhere.jpg"), "{told}");
}
