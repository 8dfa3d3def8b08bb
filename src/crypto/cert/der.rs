//! DER (X.690) without a copy: an element is a piece of the bytes that were read, so a signature is checked over what was sent.
//!
//! Nothing here recurses and nothing allocates: whoever reads a structure opens its elements one by one.

use std::ops::Range;

use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{GeneralizedTime, ObjectIdentifier, UtcTime};

use super::CertificateError;
use crate::base::Timestamp;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// Constructed, context-specific: `[0]`; the others count from it.
pub(super) const CONTEXT: u8 = 0xa0;
/// Primitive, context-specific: `[0]`; the others count from it.
pub(super) const CONTEXT_PRIMITIVE: u8 = 0x80;

/// One element, and where it stands in the bytes that were read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// Header and contents.
    pub(super) whole: &'a [u8],
    /// The contents.
    pub(super) value: &'a [u8],
    at: usize,
}

/// Reads elements one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Element<'a> {
    /// The only element of `bytes`.
    pub(super) fn only(bytes: &'a [u8], tag: u8) -> Result<Self, CertificateError> {
        let mut reader = Reader::new(bytes);
        let element = reader.take(tag)?;
        match reader.rest.len() {
            0 => Ok(element),
            count => Err(CertificateError::TrailingBytes { count }),
        }
    }

    /// The only element inside of an explicit tag.
    pub(super) fn only_inside(outer: &Element<'a>, tag: u8) -> Result<Self, CertificateError> {
        let mut inside = outer.open();
        let element = inside.take(tag)?;
        inside.end().map(|()| element)
    }

    /// Where it stands, header included.
    pub(super) fn place(&self) -> Range<usize> {
        self.at..self.at + self.whole.len()
    }

    /// Where its contents stand.
    pub(super) fn inside(&self) -> Range<usize> {
        self.at + self.whole.len() - self.value.len()..self.at + self.whole.len()
    }

    /// Opens a constructed element.
    pub(super) fn open(&self) -> Reader<'a> {
        Reader { rest: self.value, at: self.inside().start }
    }

    /// The contents of an INTEGER: minimal, of either sign.
    pub(super) fn integer(&self) -> Result<&'a [u8], CertificateError> {
        match (self.tag, self.value) {
            (INTEGER, [0, next, ..]) if next & 0x80 == 0 => Err(CertificateError::NotDer),
            (INTEGER, [0xff, next, ..]) if next & 0x80 != 0 => Err(CertificateError::NotDer),
            (INTEGER, [_, ..]) => Ok(self.value),
            (INTEGER, []) => Err(CertificateError::NotDer),
            _ => Err(CertificateError::Structure),
        }
    }

    /// The magnitude of a positive INTEGER, without the zero that keeps it positive.
    pub(super) fn positive(&self) -> Result<&'a [u8], CertificateError> {
        match self.integer()? {
            [0, rest @ ..] if !rest.is_empty() => Ok(rest),
            [first, ..] if *first == 0 || first & 0x80 != 0 => Err(CertificateError::Structure),
            value => Ok(value),
        }
    }

    /// How many bits of a BIT STRING's last byte do not count, and its bytes.
    pub(super) fn bits(&self) -> Result<(u8, &'a [u8]), CertificateError> {
        match (self.tag, self.value) {
            (BIT_STRING, [0, bytes @ ..]) => Ok((0, bytes)),
            (BIT_STRING, [unused @ 1..8, bytes @ ..]) if !bytes.is_empty() => Ok((*unused, bytes)),
            (BIT_STRING, _) => Err(CertificateError::NotDer),
            _ => Err(CertificateError::Structure),
        }
    }

    /// An OBJECT IDENTIFIER.
    pub(super) fn oid(&self) -> Result<ObjectIdentifier, CertificateError> {
        match self.tag {
            OBJECT_IDENTIFIER => ObjectIdentifier::from_bytes(self.value).map_err(|_| CertificateError::NotDer),
            _ => Err(CertificateError::Structure),
        }
    }

    /// A time in either form. Later than what can be counted, such as 99991231235959Z for `never`, is the last that can.
    pub(super) fn time(&self) -> Result<Timestamp, CertificateError> {
        let since_1970 = match self.tag {
            UTC_TIME => UtcTime::from_der(self.whole).map(|time| time.to_unix_duration()),
            GENERALIZED_TIME => GeneralizedTime::from_der(self.whole).map(|time| time.to_unix_duration()),
            _ => return Err(CertificateError::Structure),
        };
        let seconds = since_1970.map_err(|_| CertificateError::Time)?.as_secs();
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        Ok(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever it is.
    pub(super) fn any(&mut self) -> Result<Element<'a>, CertificateError> {
        let (header, length) = measure(self.rest)?;
        let whole = header.checked_add(length).and_then(|end| self.rest.split_at_checked(end));
        let (whole, rest) = whole.ok_or(CertificateError::Truncated)?;
        let element = Element { tag: whole[0], whole, value: &whole[header..], at: self.at };
        self.at += whole.len();
        self.rest = rest;
        Ok(element)
    }

    /// The next element, which has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Result<Element<'a>, CertificateError> {
        match self.peek() {
            Some(found) if found == tag => self.any(),
            Some(_) => Err(CertificateError::Structure),
            None => Err(CertificateError::Truncated),
        }
    }

    /// The next element, if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, CertificateError> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// Nothing may follow inside a structure.
    pub(super) fn end(&self) -> Result<(), CertificateError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CertificateError::Structure) }
    }
}

/// Lengths of the header and of the contents. Lengths are definite and minimal, tags one byte.
fn measure(bytes: &[u8]) -> Result<(usize, usize), CertificateError> {
    let [tag, first, rest @ ..] = bytes else { return Err(CertificateError::Truncated) };
    if *tag == 0 || tag & 0x1f == 0x1f {
        return Err(CertificateError::NotDer);
    }
    let count = match first {
        0..=0x7f => return Ok((2, usize::from(*first))),
        // More than four bytes are longer than anything that is read here.
        0x81..=0x84 => usize::from(first & 0x7f),
        _ => return Err(CertificateError::NotDer),
    };
    let digits = rest.get(..count).ok_or(CertificateError::Truncated)?;
    let length = digits.iter().fold(0usize, |length, digit| length << 8 | usize::from(*digit));
    let minimal = length > 0x7f && digits.first().is_some_and(|digit| *digit != 0);
    if minimal { Ok((2 + count, length)) } else { Err(CertificateError::NotDer) }
}

/// How many bytes the element in front takes, of which some may be missing.
pub(super) fn announced(bytes: &[u8]) -> Result<usize, CertificateError> {
    measure(bytes).map(|(header, length)| header.saturating_add(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(bytes: &[u8]) -> Result<&[u8], CertificateError> {
        Element::only(bytes, OCTET_STRING).map(|element| element.value)
    }

    #[test]
    fn lengths_are_definite_minimal_and_true() {
        assert_eq!(only(&[4, 1, 7]), Ok(&[7][..]));
        let long = [&[4, 0x81, 0x80][..], &[7; 128]].concat();
        assert_eq!(only(&long).map(<[u8]>::len), Ok(128));
        for not_der in [
            &[4, 0x81, 1, 7][..],
            &[4, 0x81, 0x7f],
            &[4, 0x82, 0, 0x80],
            &[4, 0x80, 0, 0],
            &[4, 0x85, 1, 0, 0, 0, 0],
            &[4, 0xff],
        ] {
            assert_eq!(only(not_der), Err(CertificateError::NotDer), "{not_der:x?}");
        }
        for cut in [&[][..], &[4], &[4, 2, 7], &[4, 0x82, 1], &[4, 0x84, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(only(cut), Err(CertificateError::Truncated), "{cut:x?}");
        }
        assert_eq!(only(&[4, 1, 7, 0, 0]), Err(CertificateError::TrailingBytes { count: 2 }));
        assert_eq!(only(&[5, 0]), Err(CertificateError::Structure));
        assert_eq!(Reader::new(&[0x1f, 0x81, 1, 0]).any().err(), Some(CertificateError::NotDer));
        assert_eq!(Reader::new(&[0x1f, 1, 0]).any().err(), Some(CertificateError::NotDer));
        assert_eq!(Reader::new(&[0, 0]).any().err(), Some(CertificateError::NotDer));
    }

    #[test]
    fn a_bit_string_says_how_many_bits_do_not_count() {
        let bits = |bytes: &'static [u8]| Reader::new(bytes).any().unwrap().bits();
        assert_eq!(bits(&[3, 1, 0]), Ok((0, &[][..])));
        assert_eq!(bits(&[3, 2, 0, 9]), Ok((0, &[9][..])));
        assert_eq!(bits(&[3, 2, 7, 0x80]), Ok((7, &[0x80][..])));
        for wrong in [&[3, 0][..], &[3, 1, 1], &[3, 2, 8, 0]] {
            assert_eq!(bits(wrong), Err(CertificateError::NotDer), "{wrong:x?}");
        }
        assert_eq!(bits(&[4, 2, 0, 9]), Err(CertificateError::Structure));
    }

    #[test]
    fn integers_are_minimal_and_of_either_sign() {
        let element = |bytes: &'static [u8]| Reader::new(bytes).any().unwrap();
        assert_eq!(element(&[2, 1, 0x80]).integer(), Ok(&[0x80][..]));
        assert_eq!(element(&[2, 2, 0, 0x80]).positive(), Ok(&[0x80][..]));
        for padded in [&[2, 0][..], &[2, 2, 0, 0x7f], &[2, 2, 0xff, 0x80]] {
            assert_eq!(element(padded).integer(), Err(CertificateError::NotDer), "{padded:x?}");
        }
        for not_positive in [&[2, 1, 0][..], &[2, 1, 0x80]] {
            assert_eq!(element(not_positive).positive(), Err(CertificateError::Structure));
        }
        assert_eq!(element(&[4, 1, 0]).integer(), Err(CertificateError::Structure));
    }

    #[test]
    fn the_last_second_of_9999_is_the_last_that_can_be_counted() {
        let time = |tag: u8, text: &str| {
            let der = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            Reader::new(&der).any().unwrap().time()
        };
        assert_eq!(time(GENERALIZED_TIME, "99991231235959Z"), Ok(Timestamp::MAX));
        assert_eq!(time(UTC_TIME, "491231235959Z"), Ok("2049-12-31T23:59:59Z".parse().unwrap()));
        for wrong in ["490231000000Z", "4912312359Z", "491231235959+0000", "500101000000Z"] {
            assert_eq!(time(UTC_TIME, wrong), Err(CertificateError::Time), "{wrong}");
        }
        assert_eq!(time(OCTET_STRING, "491231235959Z"), Err(CertificateError::Structure));
    }
}
