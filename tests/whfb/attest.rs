//! `whfb attest`: statements of a real TPM in every form, judged here and elsewhere, and what is refused.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use whfb::wire::encoding::{base64, base64url, from_base64, from_base64url};

use crate::program::{ALICE, Run, World};

pub(crate) const FORMS: [&str; 4] = ["lab", "kast", "webauthn", "raw"];

/// An export to a file of that form's name.
pub(crate) fn export(world: &World, form: &str, more: &[&str]) -> PathBuf {
    let path = world.path(form);
    let run = world.run(&[&["attest", "export", "--format", form, "--output", path.to_str().unwrap()], more].concat());
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{form}");
    assert!(run.out.contains(&format!("{ALICE} on pc is attested in {}", path.display())), "{}", run.out);
    path
}

fn verify(world: &World, path: &str, more: &[&str]) -> Run {
    world.run(&[&["--json", "attest", "verify", path], more].concat())
}

/// Refused with exit code 1; the names of the checks that failed, the first of which the message names.
fn failed(run: &Run) -> Vec<String> {
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    let error = &run.json()["error"];
    assert_eq!((&error["class"], &error["details"]["report"]["level"]), (&json!("refused"), &json!("none")));
    let findings = error["details"]["report"]["findings"].as_array().unwrap();
    let failed: Vec<String> = findings
        .iter()
        .filter(|each| each["outcome"]["failed"] != Value::Null)
        .map(|each| each["check"].as_str().unwrap().to_owned())
        .collect();
    let message = error["message"].as_str().unwrap().to_lowercase();
    assert!(message.ends_with(&format!("first {}", failed[0].replace('-', ""))), "{message}");
    failed
}

#[test]
fn every_form_is_exported_with_and_without_the_pin_and_judged_here_and_elsewhere() {
    let (world, elsewhere) = (World::new(), World::new());
    world.provisioned("swtpm");
    let roots = elsewhere.path("roots.pem");
    fs::write(&roots, world.run(&["attest", "roots"]).out).unwrap();
    let listed = world.json(&["attest", "roots"]);
    let kinds: Vec<&Value> = listed["roots"].as_array().unwrap().iter().map(|root| &root["of"]).collect();
    assert_eq!(kinds, ["aik", "ek"]);
    for form in FORMS {
        for more in [&[][..], &["--pin-file", "PIN_FILE"]] {
            let path = export(&world, form, more);
            let file = path.to_str().unwrap();
            let judged = verify(&world, file, &[]);
            assert_eq!(judged.code, 0, "{form}: {}", judged.out);
            let judged = judged.json();
            assert_eq!((&judged["ok"], &judged["form"]), (&json!(true), &json!(form)));
            assert_eq!(judged["report"]["level"], "aik+ek", "{form}");
            assert_eq!(judged["report"]["findings"].as_array().unwrap().len(), 44);
            let listed = world.run(&["-v", "attest", "verify", file]);
            let checks = listed.out.lines().filter(|line| line.starts_with("passed ") || line.starts_with("waived "));
            assert_eq!((listed.code, checks.count()), (0, 44), "{form}: {}", listed.out);

            // A stranger needs the roots, and nothing else of the lab.
            let stranger = verify(&elsewhere, file, &["--roots", roots.to_str().unwrap()]);
            assert_eq!(stranger.json()["report"]["level"], "aik+ek", "{form}: {}", stranger.out);
            assert_eq!(failed(&verify(&elsewhere, file, &[]))[0], "chain", "the roots of another lab: {form}");
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap()
            } else {
                fs::remove_file(&path).unwrap()
            }
            let _ = fs::remove_file(world.path("kast.pem"));
        }
    }
    assert_eq!(world.json(&["tpm", "info"])["tpm"]["lockout"]["count"], 0);
}

#[test]
fn a_form_that_is_text_goes_to_standard_output_and_is_read_from_standard_input() {
    let world = World::new();
    world.provisioned("swtpm");
    for (form, member) in [("lab", "certifyInfo"), ("webauthn", "credential")] {
        let plain = world.run(&["attest", "export", "--format", form, "--user", ALICE]);
        let object = world.json(&["attest", "export", "--format", form]);
        assert!(plain.json()[member] != Value::Null && object[member] != Value::Null, "{form}");
        for text in [plain.out, object.to_string()] {
            let run = world.run_with_input(&["attest", "verify", "-"], &text);
            assert_eq!((run.code, run.out.ends_with("level     aik+ek\n")), (0, true), "{form}: {}", run.out);
        }
    }
}

#[test]
fn a_kast_without_its_certificates_is_refused_and_says_where_they_go() {
    let world = World::new();
    world.provisioned("swtpm");
    let path = export(&world, "kast", &[]);
    let alone = world.path("alone.kast");
    fs::rename(&path, &alone).unwrap();
    let run = verify(&world, alone.to_str().unwrap(), &[]);
    assert_eq!(failed(&run), ["certificates"]);
    assert!(run.json()["error"]["next"].as_str().unwrap().contains("FILE.pem"), "{}", run.out);
    fs::rename(world.path("kast.pem"), world.path("alone.kast.pem")).unwrap();
    assert_eq!(verify(&world, alone.to_str().unwrap(), &[]).code, 0);
    fs::write(world.path("alone.kast.pem"), "no certificate").unwrap();
    assert_eq!(verify(&world, alone.to_str().unwrap(), &[]).code, 2);
}

#[test]
fn roots_are_read_from_directories_below_and_a_link_that_leads_back_is_not_followed() {
    let (world, elsewhere) = (World::new(), World::new());
    world.provisioned("swtpm");
    let path = export(&world, "webauthn", &[]);
    let below = elsewhere.path("vendors/lab/roots");
    fs::create_dir_all(&below).unwrap();
    fs::write(below.join("both.PEM"), world.run(&["attest", "roots"]).out).unwrap();
    fs::write(below.join("version.txt"), "not a certificate").unwrap();
    std::os::unix::fs::symlink(elsewhere.path("vendors"), below.join("up")).unwrap();
    let vendors = elsewhere.path("vendors").display().to_string();
    let judged = verify(&elsewhere, path.to_str().unwrap(), &["--roots", &vendors]);
    assert_eq!(judged.json()["report"]["level"], "aik+ek", "{}", judged.out);
    // What has the name of a certificate is one, or nothing is judged.
    fs::write(below.join("torn.crt"), "not a certificate").unwrap();
    let judged = verify(&elsewhere, path.to_str().unwrap(), &["--roots", &vendors]);
    assert_eq!(
        (judged.code, judged.out.contains("torn.crt: there is no certificate in it")),
        (2, true),
        "{}",
        judged.out
    );
}

/// One bit of the Name of whatever signed, which is in every TPMS_ATTEST.
fn flip(bytes: &mut [u8]) {
    let magic = [0xFF, b'T', b'C', b'G', 0x80, 0x17];
    let at = bytes.windows(magic.len()).position(|window| window == magic).unwrap();
    bytes[at + 20] ^= 1;
}

#[test]
fn one_flipped_bit_is_refused_in_every_form_and_its_check_named() {
    let world = World::new();
    world.provisioned("swtpm");
    for form in FORMS {
        let path = export(&world, form, &[]);
        let file = if form == "raw" { path.join("certify.attest") } else { path.clone() };
        let mut bytes = fs::read(&file).unwrap();
        if bytes.starts_with(b"{") {
            let mut object: Value = serde_json::from_slice(&bytes).unwrap();
            let (member, web) = match form {
                "lab" => (&mut object["certifyInfo"], false),
                _ => (&mut object["credential"]["response"]["attestationObject"], true),
            };
            let text = member.as_str().unwrap();
            let mut inside = if web { from_base64url(text) } else { from_base64(text) }.unwrap();
            flip(&mut inside);
            *member = if web { base64url(&inside) } else { base64(&inside) }.into();
            bytes = object.to_string().into_bytes();
        } else {
            flip(&mut bytes);
        }
        fs::write(&file, bytes).unwrap();
        let found = failed(&verify(&world, path.to_str().unwrap(), &[]));
        // The Name of the storage root key, and with it that of the signer, is in two of the forms.
        let expected: &[&str] = match form {
            "lab" | "raw" => &["signature", "qualified-signer"],
            _ => &["signature"],
        };
        assert_eq!(found, expected, "{form}");
    }
}

#[test]
fn the_end_of_a_certificate_and_a_policy_against_software_refuse_by_name() {
    let world = World::new();
    world.provisioned("swtpm");
    let path = export(&world, "raw", &[]);
    let file = path.to_str().unwrap();
    let late = verify(&world, file, &["--at", "2126-01-31T08:00:00Z"]);
    assert_eq!(failed(&late), ["chain", "ek-chain"]);
    assert!(late.out.contains("\"expired\""), "{}", late.out);
    assert_eq!(late.json()["error"]["details"]["at"], "2126-01-31T08:00:00Z");
    let policy = world.path("policy.json");
    fs::write(&policy, r#"{"virtual-tpm": false, "ek-certificate": true}"#).unwrap();
    let software = verify(&world, file, &["--policy", policy.to_str().unwrap()]);
    assert_eq!(failed(&software), ["virtual"]);
    assert!(software.out.contains("id:49424D00 (IBM)"), "{}", software.out);
}
