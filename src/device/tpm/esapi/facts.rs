//! Facts and handles, asked for without a session.

use std::collections::BTreeMap;

use tpm2_protocol::data::TpmPt;
use tss_esapi::constants::CapabilityType;
use tss_esapi::structures::CapabilityData;
use tss_esapi::tss2_esys::TPM2_HANDLE;

use super::context::Inner;
use super::fault::fault;
use crate::device::tpm::facts::{PERSISTENT, SESSIONS, TRANSIENT, Told};
use crate::device::tpm::frame::malformed;
use crate::device::tpm::{Facts, TpmError, verb};

impl Inner {
    pub(super) fn facts(&mut self) -> Result<Facts, TpmError> {
        let told = Told {
            fixed: self.properties(TpmPt::FamilyIndicator.value())?,
            variable: self.properties(TpmPt::Permanent.value())?,
            algorithms: self.algorithms()?,
            self_test: self.self_test()?,
            persistent: self.handles(PERSISTENT)?,
            loaded: self.handles(TRANSIENT)?,
            sessions: self.handles(SESSIONS)?,
        };
        Ok(told.facts())
    }

    /// All properties of the group of 256 that begins with `first`.
    fn properties(&mut self, first: u32) -> Result<BTreeMap<u32, u32>, TpmError> {
        let end = (first | 0xFF) + 1;
        let (mut found, mut next) = (BTreeMap::new(), first);
        loop {
            let (data, more) = self.capability(CapabilityType::TpmProperties, next, end - next)?;
            let CapabilityData::TpmProperties(page) = data else { return Err(malformed(verb::GET_CAPABILITY.name)) };
            let page: Vec<(u32, u32)> = page.iter().map(|tagged| (tagged.property().into(), tagged.value())).collect();
            let Some((last, _)) = page.last().copied() else { return Ok(found) };
            found.extend(page.into_iter().filter(|(property, _)| *property < end));
            if !more || last < next || last + 1 >= end {
                return Ok(found);
            }
            next = last + 1;
        }
    }

    fn algorithms(&mut self) -> Result<Vec<u16>, TpmError> {
        let (data, _) = self.capability(CapabilityType::Algorithms, 0, 64)?;
        let CapabilityData::Algorithms(page) = data else { return Err(malformed(verb::GET_CAPABILITY.name)) };
        Ok(page.iter().map(|property| property.algorithm_identifier().into()).collect())
    }

    fn self_test(&mut self) -> Result<bool, TpmError> {
        let asked = self.context.execute_without_session(|context| context.get_test_result());
        asked.map(|(_, result)| result.is_ok()).map_err(|error| fault(verb::GET_TEST_RESULT.name, error))
    }

    /// All handles of the kind of `first`, ascending.
    pub(super) fn handles(&mut self, first: u32) -> Result<Vec<u32>, TpmError> {
        let (data, _) = self.capability(CapabilityType::Handles, first, 64)?;
        let CapabilityData::Handles(page) = data else { return Err(malformed(verb::GET_CAPABILITY.name)) };
        Ok(page.into_inner().into_iter().map(TPM2_HANDLE::from).collect())
    }

    fn capability(&mut self, kind: CapabilityType, first: u32, count: u32) -> Result<(CapabilityData, bool), TpmError> {
        let asked = self.context.execute_without_session(|context| context.get_capability(kind, first, count));
        asked.map_err(|error| fault(verb::GET_CAPABILITY.name, error))
    }

    /// What is in the slots besides our session and our storage root key: one of each at most.
    pub(super) fn leftovers(&mut self) -> Result<Vec<u32>, TpmError> {
        let (mut objects, mut sessions) = (self.handles(TRANSIENT)?, self.handles(SESSIONS)?);
        // The library hides the TPM's own handles; ours came first.
        if self.storage.as_ref().is_some_and(|storage| storage.transient) && !objects.is_empty() {
            objects.remove(0);
        }
        if self.has_session() && !sessions.is_empty() {
            sessions.remove(0);
        }
        objects.extend(sessions);
        Ok(objects)
    }
}
