//! The corpus of the fuzz targets, each file once more: what was found stays found. `make fuzz` looks for new ones.
//!
//! A file carries its verdict: the name of one that is refused begins with `refused-`, that of any other does not.

#![cfg(feature = "entra")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

#[path = "../fuzz/src/property/mod.rs"]
#[allow(unreachable_pub, reason = "a library's module there")]
mod property;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use property::Target;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names() -> BTreeSet<String> {
    Target::all().into_iter().map(|target| target.name().to_owned()).collect()
}

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The files of a target's corpus, each with its bytes.
fn files(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn the_property_holds_for_every_file_of_the_corpus_and_its_verdict_is_its_name() {
    for target in Target::all() {
        let files = files(target.name());
        assert!(!files.is_empty(), "the corpus of {} is empty", target.name());
        for (path, bytes) in files {
            let taken = target.judge(&bytes);
            let taken = taken.unwrap_or_else(|violation| panic!("{}: {violation}", path.display()));
            let named = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(taken, !named.starts_with("refused-"), "{}: whether it is taken", path.display());
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let manifest: toml::Table = toml::from_str(&text("fuzz/Cargo.toml")).unwrap();
    let programs = manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap().to_owned());
    assert_eq!(programs.collect::<BTreeSet<_>>(), names());
    let folders = fs::read_dir(fuzz().join("corpus")).unwrap().map(|entry| entry.unwrap().file_name());
    let folders = folders.map(|name| name.into_string().unwrap());
    assert_eq!(folders.collect::<BTreeSet<_>>(), names());
}

#[test]
fn every_target_is_named_where_one_looks_for_it() {
    let manual = text("fuzz/README.md");
    let rows = manual.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name));
    assert_eq!(rows.map(str::to_owned).collect::<BTreeSet<_>>(), names(), "the table of fuzz/README.md");
    let makefile = text("Makefile");
    let targets = makefile.lines().find_map(|line| line.strip_prefix("TARGETS := ")).unwrap();
    assert_eq!(targets.split(' ').map(str::to_owned).collect::<BTreeSet<_>>(), names(), "the targets of the Makefile");
    assert!(makefile.contains("TARGET=one of $(TARGETS)"), "make help names them");
    assert!(text("README.md").contains("fuzz/README.md"), "README.md leads to the table");
}
