//! A build without the backend `esapi` needs no C library of a TPM.

use std::process::Command;

use whfb::device::tpm::{KeyKind, Tpm as _, Usage, with_key};

use crate::support::{lab, secret};

#[test]
fn signs_on_swtpm_and_links_libtss2_for_the_esapi_backend_alone() {
    let mut lab = lab();
    let key = lab.tpm.create(KeyKind::Rsa2048, Usage::General, Some(&secret(1))).unwrap();
    with_key(&mut *lab.tpm, &key, |tpm, key| tpm.sign(key, Some(&secret(1)), &[7; 32])).unwrap();
    let linked = Command::new("ldd").arg(std::env::current_exe().unwrap()).output().unwrap();
    let linked = String::from_utf8(linked.stdout).unwrap();
    assert!(linked.contains("libc.so"), "ldd says what is linked: {linked}");
    assert!(cfg!(feature = "esapi") || !linked.contains("tss2"), "{linked}");
}
