//! The corpus of the fuzz targets, each file once more: what was found stays found. `make fuzz` looks for new ones.
//!
//! A file carries its verdict: no source takes one whose name begins with `refused-`, some source takes any other.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

#[path = "../fuzz/src/property.rs"]
#[allow(unreachable_pub, reason = "a library's module there")]
mod property;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use whfb::device::policy::FileFormat;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a target's corpus, each with its bytes.
fn files(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn every_file_of_the_corpus_is_refused_by_all_or_survives_its_export() {
    for format in FileFormat::ALL {
        let files = files(format.name());
        assert!(!files.is_empty(), "the corpus of {} is empty", format.name());
        for (path, bytes) in files {
            let taken = property::judge(format, &bytes);
            let taken = taken.unwrap_or_else(|violation| panic!("{}: {violation}", path.display()));
            let named = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(taken, !named.starts_with("refused-"), "{}: whether it is taken", path.display());
        }
    }
}

#[test]
fn there_is_a_target_and_a_corpus_for_every_format() {
    let formats: BTreeSet<String> = FileFormat::ALL.into_iter().map(|format| format.name().to_owned()).collect();
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(fuzz().join("Cargo.toml")).unwrap()).unwrap();
    let targets = manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap().to_owned());
    assert_eq!(targets.collect::<BTreeSet<_>>(), formats);
    let folders = fs::read_dir(fuzz().join("corpus")).unwrap().map(|entry| entry.unwrap().file_name());
    let folders = folders.map(|name| name.into_string().unwrap());
    assert_eq!(folders.collect::<BTreeSet<_>>(), formats);
}
