//! What a TPM says about itself (TPM 2.0 Part 2, section 6.13).

use std::collections::BTreeMap;

use tpm2_protocol::data::TpmPt;

use super::channel::Channel;
use super::marshal::{Malformed, Reader, Writer};
use super::{Facts, Lockout, TpmError, verb};

const CAP_ALGS: u32 = 0;
const CAP_HANDLES: u32 = 1;
const CAP_TPM_PROPERTIES: u32 = 6;

/// How often a list of handles is continued: no TPM has room for that many, and one that always has more is lying.
const MOST_PAGES: u32 = 64;

/// First handles of their kind.
pub(super) const TRANSIENT: u32 = 0x8000_0000;
pub(super) const PERSISTENT: u32 = 0x8100_0000;
/// Loaded HMAC and policy sessions are listed together, below this handle.
pub(super) const SESSIONS: u32 = 0x0200_0000;

impl Channel<'_> {
    /// All properties from `first` to the end of its group of 256.
    fn properties(&mut self, first: TpmPt) -> Result<BTreeMap<u32, u32>, TpmError> {
        let mut properties = BTreeMap::new();
        let end = (first.value() | 0xFF) + 1;
        let mut next = first.value();
        while next < end {
            let (more, page) =
                self.capability(CAP_TPM_PROPERTIES, next, end - next, |reader| Ok((reader.u32()?, reader.u32()?)))?;
            let Some((last, _)) = page.last().copied() else { break };
            properties.extend(page.into_iter().filter(|(property, _)| *property < end));
            match last.checked_add(1) {
                Some(after) if more && after > next => next = after,
                _ => break,
            }
        }
        Ok(properties)
    }

    /// All handles of the kind of `first`, ascending.
    pub(super) fn handles(&mut self, first: u32) -> Result<Vec<u32>, TpmError> {
        let mut handles = Vec::new();
        let mut next = first;
        for _ in 0..MOST_PAGES {
            let (more, page) = self.capability(CAP_HANDLES, next, 64, |reader| reader.u32())?;
            let Some(last) = page.last().copied() else { break };
            handles.extend(page);
            match last.checked_add(1) {
                Some(after) if more && after > next => next = after,
                _ => break,
            }
        }
        Ok(handles)
    }

    /// One page of a capability that is a list, and whether more follows.
    fn capability<T>(
        &mut self,
        capability: u32,
        first: u32,
        count: u32,
        item: impl Fn(&mut Reader<'_>) -> Result<T, Malformed>,
    ) -> Result<(bool, Vec<T>), TpmError> {
        let parameters = Writer::new().u32(capability).u32(first).u32(count);
        self.run(verb::GET_CAPABILITY, &[], &[], parameters)?.read(|reader| {
            let more = reader.u8()? != 0;
            if reader.u32()? != capability {
                return Err(Malformed);
            }
            // An item takes four bytes at least, so a count beyond the answer ends in an error and not in memory.
            let items = reader.u32()?;
            Ok((more, (0..items).map(|_| item(reader)).collect::<Result<_, _>>()?))
        })
    }

    /// Everything, one question for each part.
    pub(super) fn facts(&mut self) -> Result<Facts, TpmError> {
        let told = Told {
            fixed: self.properties(TpmPt::FamilyIndicator)?,
            variable: self.properties(TpmPt::Permanent)?,
            algorithms: self.algorithms()?,
            self_test: self.self_test()?,
            persistent: self.handles(PERSISTENT)?,
            loaded: self.handles(TRANSIENT)?,
            sessions: self.handles(SESSIONS)?,
        };
        Ok(told.facts())
    }

    fn algorithms(&mut self) -> Result<Vec<u16>, TpmError> {
        let (mut found, mut next) = (Vec::new(), 0);
        loop {
            let (more, page) = self.capability(CAP_ALGS, next, 64, |reader| {
                let algorithm = reader.u16()?;
                reader.u32()?;
                Ok(algorithm)
            })?;
            let Some(last) = page.last().copied() else { return Ok(found) };
            found.extend(page);
            if !more || u32::from(last) < next {
                return Ok(found);
            }
            next = u32::from(last) + 1;
        }
    }

    fn self_test(&mut self) -> Result<bool, TpmError> {
        self.run(verb::GET_TEST_RESULT, &[], &[], Writer::new())?.read(|reader| {
            reader.sized()?;
            Ok(reader.u32()? == 0)
        })
    }
}

fn lockout(variable: &BTreeMap<u32, u32>) -> Lockout {
    const LOCKOUT_AUTH_SET: u32 = 1 << 2;
    const IN_LOCKOUT: u32 = 1 << 9;
    let value = |property: TpmPt| variable.get(&property.value()).copied().unwrap_or_default();
    let permanent = value(TpmPt::Permanent);
    Lockout {
        count: value(TpmPt::LockoutCounter),
        max: value(TpmPt::MaxAuthFail),
        heal_seconds: value(TpmPt::LockoutInterval),
        recovery_seconds: value(TpmPt::LockoutRecovery),
        locked_out: permanent & IN_LOCKOUT != 0,
        reset_protected: permanent & LOCKOUT_AUTH_SET != 0,
    }
}

/// What a TPM told, by whichever backend.
#[derive(Default)]
pub(super) struct Told {
    /// Properties from TPM_PT_FAMILY_INDICATOR on.
    pub(super) fixed: BTreeMap<u32, u32>,
    /// Properties from TPM_PT_PERMANENT on.
    pub(super) variable: BTreeMap<u32, u32>,
    pub(super) algorithms: Vec<u16>,
    pub(super) self_test: bool,
    pub(super) persistent: Vec<u32>,
    pub(super) loaded: Vec<u32>,
    pub(super) sessions: Vec<u32>,
}

impl Told {
    pub(super) fn facts(self) -> Facts {
        const FIPS_140_2: u32 = 1;
        const STORAGE_AND_ENDORSEMENT: u32 = 0b110;
        const DISABLE_CLEAR: u32 = 1 << 8;
        let value = |property: TpmPt| self.fixed.get(&property.value()).copied().unwrap_or_default();
        let variable = |property: TpmPt| self.variable.get(&property.value()).copied().unwrap_or_default();
        let vendor = [TpmPt::VendorString1, TpmPt::VendorString2, TpmPt::VendorString3, TpmPt::VendorString4];
        let (first, second) = (value(TpmPt::FirmwareVersion1), value(TpmPt::FirmwareVersion2));
        Facts {
            manufacturer: text(&[value(TpmPt::Manufacturer)]),
            manufacturer_id: value(TpmPt::Manufacturer),
            vendor: text(&vendor.map(value)),
            firmware_version: first,
            firmware: format!("{}.{}.{}.{}", first >> 16, first & 0xFFFF, second >> 16, second & 0xFFFF),
            specification: text(&[value(TpmPt::FamilyIndicator)]),
            fips: value(TpmPt::Modes) & FIPS_140_2 != 0,
            ready: variable(TpmPt::StartupClear) & STORAGE_AND_ENDORSEMENT == STORAGE_AND_ENDORSEMENT,
            lockout: lockout(&self.variable),
            clear_disabled: variable(TpmPt::Permanent) & DISABLE_CLEAR != 0,
            self_test: self.self_test,
            persistent: self.persistent,
            loaded: self.loaded,
            sessions: self.sessions,
            algorithms: self.algorithms,
            injected: Vec::new(),
        }
    }
}

/// Characters that come four to a number, without NULs and without blanks at the ends.
fn text(numbers: &[u32]) -> String {
    let bytes = numbers.iter().flat_map(|number| number.to_be_bytes()).filter(|byte| *byte != 0);
    let text: String =
        bytes.map(|byte| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '?' }).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_four_characters_to_a_number() {
        assert_eq!(text(&[0x4942_4D00]), "IBM");
        assert_eq!(text(&[0x5357_2020, 0x2020_2054, 0x504D_0000]), "SW     TPM");
        assert_eq!(text(&[0x1B5B_316D]), "?[1m", "a chip cannot steer the terminal");
    }

    #[test]
    fn a_tpm_with_a_disabled_hierarchy_is_not_ready() {
        let variable = |startup: u32| BTreeMap::from([(TpmPt::StartupClear.value(), startup)]);
        let ready = |startup: u32| Told { variable: variable(startup), ..Told::default() }.facts().ready;
        assert!(ready(0b1111));
        assert!(!ready(0b1101));
        assert!(!ready(0b1011));
        assert!(!ready(0));
    }

    /// Answers every question with one entry and the word that more follows.
    struct Endless {
        entry: u32,
        asked: u32,
    }

    impl super::super::transport::Transport for Endless {
        fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
            self.asked += 1;
            let capability = command.get(10..14).unwrap_or_default().to_vec();
            let step = if self.entry == u32::MAX { 0 } else { self.asked };
            let mut body = vec![1];
            body.extend(&capability);
            body.extend(1u32.to_be_bytes());
            body.extend((self.entry + step).to_be_bytes());
            if capability == CAP_TPM_PROPERTIES.to_be_bytes() {
                body.extend([0; 4]);
            }
            let size = u32::try_from(10 + body.len()).unwrap();
            Ok([&[0x80, 0x01][..], &size.to_be_bytes(), &[0; 4], &body].concat())
        }
    }

    #[test]
    fn a_list_that_never_ends_is_not_read_for_ever() {
        for entry in [u32::MAX, PERSISTENT, TRANSIENT] {
            let mut endless = Endless { entry, asked: 0 };
            let mut channel = Channel::new(Box::new(&mut endless), Box::new(crate::base::OsRng));
            assert!(channel.handles(TRANSIENT).is_ok());
            assert!(channel.properties(TpmPt::Manufacturer).is_ok());
            drop(channel);
            assert!(endless.asked <= 2 * MOST_PAGES + 256, "{entry:#x}: asked {} times", endless.asked);
        }
    }
}
