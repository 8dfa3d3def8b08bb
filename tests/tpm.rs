//! The TPM backend against the emulator: one TPM per test, and no test leaves anything in it.

mod support;

use support::{Lab, lab, secret};
use whfb::base::{ExposeSecret as _, secret_slice};
use whfb::device::tpm::{CertifyAuthority, Gate, KeyKind, Tpm as _, Usage};

#[test]
fn first_light() {
    let Lab { mut tpm, directory, .. } = lab();
    let facts = tpm.facts().unwrap();
    println!("{facts:?}");
    let blob = tpm.create(KeyKind::Rsa2048, Usage::General, Some(&secret(7))).unwrap();
    let aik = tpm.create(KeyKind::Rsa2048, Usage::Attestation, None).unwrap();
    let key = tpm.load(&blob).unwrap();
    tpm.sign(&key, Some(&secret(7)), &[1; 32]).unwrap();
    println!("{:?}", tpm.sign(&key, Some(&secret(8)), &[1; 32]));
    println!("{:?}", tpm.sign(&key, None, &[1; 32]));
    let a = tpm.load(&aik).unwrap();
    tpm.certify(&key, &a, CertifyAuthority::Value(&secret(7)), b"x").unwrap();
    tpm.certify(&key, &a, CertifyAuthority::Policy, b"x").unwrap();
    tpm.unload(a).unwrap();
    tpm.change_auth(&key, &blob.public, &secret(7), &secret(9)).unwrap();
    tpm.unload(key).unwrap();
    let sealed = tpm.seal(&secret_slice(vec![5; 96]), Gate::Counted(&secret(1))).unwrap();
    assert_eq!(tpm.unseal(&sealed, Gate::Counted(&secret(1))).unwrap().expose_secret(), [5; 96]);
    println!("{:?}", tpm.unseal(&sealed, Gate::Counted(&secret(2))).err());
    println!("{:?}", tpm.endorsement(KeyKind::P256).unwrap().certificate.map(|c| c.len()));
    assert_eq!(tpm.leftovers().unwrap(), []);
    drop(tpm);
    println!("{}", std::fs::read_to_string(directory.path().join("swtpm.log")).unwrap());
}
