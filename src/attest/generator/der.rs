//! Certificates that no library makes.

use crate::crypto::cert::{Authority, Certificate};

/// The certificate as version 1: without its version field, signed again.
pub(crate) fn as_version_1(authority: &Authority, certificate: &Certificate) -> Vec<u8> {
    let (tbs, rest) = split(contents(certificate.der()));
    let body = contents(tbs).strip_prefix(&[0xa0, 3, 2, 1, 2]).unwrap();
    let tbs = wrapped(0x30, body);
    let (algorithm, _) = split(rest);
    let signature = [&[0], authority.key().sign(&tbs).unwrap().as_slice()].concat();
    wrapped(0x30, &[tbs, algorithm.to_vec(), wrapped(3, &signature)].concat())
}

/// Header length and contents length of the DER element in front.
fn measure(der: &[u8]) -> (usize, usize) {
    match der[1] {
        0x82 => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
        0x81 => (3, usize::from(der[2])),
        short => (2, usize::from(short)),
    }
}

fn contents(der: &[u8]) -> &[u8] {
    let (header, length) = measure(der);
    &der[header..header + length]
}

fn split(der: &[u8]) -> (&[u8], &[u8]) {
    let (header, length) = measure(der);
    der.split_at(header + length)
}

fn wrapped(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
    let header = match contents.len() {
        0..0x80 => vec![tag, length[1]],
        0x80..0x100 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [header, contents.to_vec()].concat()
}
