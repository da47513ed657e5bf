//! Message bodies: no body panics, and a job that is written down again is read back as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::identity::{ImageId, SourceUrl};
use shared::job::{self, Ingest, Job, Render};
use worker::variant_key;

const PREFIX: &str = "images/";

fuzz_target!(|body: &str| {
    match job::read(body) {
        Ok(jobs) => jobs.iter().for_each(check),
        Err(error) => drop(error.to_string()),
    }
});

fn check(job: &Job) {
    match job {
        Job::Render(render) => check_render(render),
        Job::Ingest(ingest) => check_ingest(ingest),
    }
}

fn check_render(Render { object, .. }: &Render) {
    let image = ImageId::of(object);
    assert!(image.shard(8) < 8);
    let path = variant_key::path(&object.key, PREFIX);
    assert!(object.key.contains(path), "{path:?}");
    match &job::read(&job::reprocess_body(object)).expect("our own body")[..] {
        [Job::Render(again)] => assert_eq!(&again.object, object),
        other => panic!("{other:?}"),
    }
}

fn check_ingest(ingest: &Ingest) {
    let again = job::read(&ingest.body()).expect("our own body");
    assert_eq!(again, [Job::Ingest(ingest.clone())]);
    let Ok(url) = ingest
        .url
        .parse::<SourceUrl>()
        .map_err(|error| error.to_string())
    else {
        return;
    };
    let again: SourceUrl = url.as_str().parse().expect("its normal form is a URL");
    assert_eq!(again, url);
    let key = url.key(PREFIX);
    assert_eq!(again.key(PREFIX), key);
    assert!(key.starts_with(PREFIX) && key.len() < 200, "{key:?}");
}
