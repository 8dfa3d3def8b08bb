//! Files as people collect them.

use base64::Engine as _;

use super::super::mint::{Mint, MintKey, MintList};
use super::super::*;

fn certificate(subject: &str) -> Vec<u8> {
    let key = MintKey::p256();
    Mint::new(subject, &key, subject).signed(&key)
}

fn list() -> Vec<u8> {
    MintList::new("issuer").revoking(&[7]).signed(&MintKey::p256())
}

fn block(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

fn fault(text: &str) -> BundleFault {
    read_bundle(text.as_bytes()).unwrap_err()
}

#[test]
fn reads_text_around_blocks_either_line_end_and_each_thing_once() {
    let (first, second, list) = (certificate("first"), certificate("second"), list());
    let text = format!(
        "## Roots of a vendor - \u{fc} -----\r\n# 0 CN=first\n{}\n  explained\n{}{}{}{}",
        pem(&first),
        pem(&second).replace('\n', " \r\n"),
        block("X509 CRL", &list),
        pem(&first),
        block("X509 CRL", &list).trim_end(),
    );
    let bundle = read_bundle(text.as_bytes()).unwrap();
    let subjects: Vec<_> = bundle.certificates.iter().map(|each| each.subject().to_string()).collect();
    assert_eq!(subjects, ["CN=first", "CN=second"]);
    assert_eq!(bundle.crls.iter().map(RevocationList::der).collect::<Vec<_>>(), [list]);
    let latin_1 = [b"K\xf6ln\n", pem(&first).as_bytes()].concat();
    assert_eq!(read_bundle(&latin_1).unwrap().certificates.len(), 1);
}

#[test]
fn reads_one_der_file_and_the_line_end_behind_it() {
    let (certificate, list) = (certificate("root"), list());
    let read = Certificate::from_der(&certificate).unwrap();
    for behind in [&b""[..], b"\n", b"\r\n"] {
        let file = [certificate.as_slice(), behind].concat();
        assert_eq!(read_bundle(&file).unwrap().certificates, std::slice::from_ref(&read));
    }
    assert_eq!(read_bundle(&list).unwrap().crls.len(), 1);
    let longer = [certificate.as_slice(), &[0]].concat();
    let expected = BundleFault::Der { fault: CertificateError::TrailingBytes { count: 1 } };
    assert_eq!(read_bundle(&longer), Err(expected));
    for length in 2..certificate.len() {
        let expected = BundleFault::Der { fault: CertificateError::Truncated };
        assert_eq!(read_bundle(&certificate[..length]), Err(expected), "{length}");
    }
}

#[test]
fn a_file_without_a_block_is_told() {
    assert_eq!(fault(""), BundleFault::Empty);
    assert_eq!(fault("0 certificates\n"), BundleFault::Empty);
    assert_eq!(fault("-----BEGIN CERTIFICATE----\n"), BundleFault::Empty);
}

#[test]
fn a_block_that_cannot_be_read_is_told_with_its_number_and_line() {
    let good = pem(&certificate("root"));
    let line = good.lines().count() + 2;
    let (block_2, cut) = (2, CertificateError::Truncated);
    let after = |text: &str| fault(&format!("# text\n{good}{text}"));
    let certificate = after(&block("CERTIFICATE", &[0x30, 1]));
    assert_eq!(certificate, BundleFault::Certificate { block: block_2, line, fault: cut });
    let list = after(&block("X509 CRL", &[0x30, 1]));
    assert_eq!(list, BundleFault::RevocationList { block: block_2, line, fault: cut });
    let trusted = after(&block("TRUSTED CERTIFICATE", &[0x30, 0]));
    assert_eq!(trusted, BundleFault::TrustedCertificate { block: block_2, line });
    let other = after(&block("PRIVATE KEY", &[0x30, 0]));
    assert_eq!(other, BundleFault::OtherBlock { block: block_2, line, label: "PRIVATE KEY".into() });
    let long = after(&block(&"x".repeat(10_000), &[]));
    assert_eq!(long, BundleFault::OtherBlock { block: block_2, line, label: "x".repeat(64) });
    for not_base64 in ["@@@@", "AAA", "AA=A", "Proc-Type: 4,ENCRYPTED"] {
        let text = format!("-----BEGIN CERTIFICATE-----\n{not_base64}\n-----END CERTIFICATE-----\n");
        assert_eq!(after(&text), BundleFault::Base64 { block: block_2, line }, "{not_base64}");
    }
    let ends = ["", "-----END X509 CRL-----", "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE----"];
    for (end, expected) in ends.iter().zip([true, true, true, true]) {
        let found = after(&format!("-----BEGIN CERTIFICATE-----\nAAAA\n{end}"));
        assert_eq!(found == BundleFault::Unterminated { block: block_2, line }, expected, "{end}: {found}");
    }
    assert_eq!(after("-----END CERTIFICATE-----"), BundleFault::StrayEnd { line });
}

#[test]
fn a_bundle_has_a_size_and_a_number_of_blocks() {
    let text = pem(&certificate("root"));
    let file = text.repeat(MOST_IN_BUNDLE);
    assert!(file.len() < LARGEST_BUNDLE);
    assert_eq!(read_bundle(file.as_bytes()).unwrap().certificates.len(), 1);
    let line = text.lines().count() * MOST_IN_BUNDLE + 1;
    assert_eq!(fault(&(file + &text)), BundleFault::TooMany { line });
    let large = vec![b'\n'; LARGEST_BUNDLE + 1];
    assert_eq!(read_bundle(&large), Err(BundleFault::TooLarge { length: LARGEST_BUNDLE + 1 }));
    assert_eq!(read_bundle(&large[1..]), Err(BundleFault::Empty));
}
