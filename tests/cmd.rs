//! Command lines as files: what help, usage errors and empty states say. Each file has a data directory of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

fn run(file: &str) {
    let data = tempfile::tempdir().unwrap();
    trycmd::TestCases::new()
        .env("NO_COLOR", "1")
        .env("XDG_DATA_HOME", data.path().to_str().unwrap())
        .insert_var("[DATA]", data.path().to_str().unwrap().to_owned())
        .unwrap()
        .case(format!("tests/cmd/{file}.trycmd"));
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    run("usage");
}

#[test]
fn an_empty_state_says_what_to_do() {
    run("empty");
}

#[test]
fn devices_without_a_tpm_need_none() {
    run("device");
}

#[test]
fn a_code_is_explained_in_whatever_form_it_comes() {
    run("error");
}

#[test]
fn policies_are_imported_and_explained() {
    run("policy");
}

#[test]
fn keys_are_asked_for_by_device_or_by_user() {
    run("key");
}

#[test]
fn rules_are_explained_and_a_bad_file_is_refused_by_line() {
    run("rules");
}

#[test]
fn statements_are_judged_and_what_is_none_is_refused() {
    run("attest");
}

/// Without the exit codes, which a reader does not see.
fn shown(block: &str) -> String {
    let lines = block.trim().lines().filter(|line| !line.starts_with("? "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_broken_statements_of_the_readme_are_those_that_are_run() {
    let read = |file: &str| std::fs::read_to_string(file).unwrap();
    let blocks = |text: &str| -> Vec<String> {
        text.split("```console\n").skip(1).filter_map(|part| part.split("```").next().map(shown)).collect()
    };
    let (readme, run) = (blocks(&read("README.md")), blocks(&read("tests/cmd/attest.trycmd")));
    let examples: Vec<&String> = readme.iter().filter(|block| block.contains("FAILED ")).collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        assert!(run.iter().any(|block| block.contains(example.as_str())), "not in attest.trycmd:\n{example}");
    }
}
