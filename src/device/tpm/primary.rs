//! The two primaries of a TPM, and the certificates that its maker left in NV.

use super::channel::Channel;
use super::commands::FOREIGN;
use super::frame::{Auth, Entity};
use super::marshal::{Malformed, Reader, Writer};
use super::template::Primary;
use super::{KeyKind, TpmError, response, verb};
use crate::crypto::cert::Certificate;
use crate::wire::tpm::{ALG_SHA256, name_of};

/// TPM_RH_OWNER, _LOCKOUT, _ENDORSEMENT, _PLATFORM.
pub(super) const OWNER: u32 = 0x4000_0001;
pub(super) const LOCKOUT: u32 = 0x4000_000A;
pub(super) const ENDORSEMENT: u32 = 0x4000_000B;
pub(super) const PLATFORM: u32 = 0x4000_000C;

impl Primary {
    /// Where it is kept (TCG TPM v2.0 Provisioning Guidance, section 7.8).
    pub(super) fn persistent_handle(self) -> u32 {
        match self {
            Self::Storage(_) => 0x8100_0001,
            Self::Endorsement(KeyKind::Rsa2048) => 0x8101_0001,
            Self::Endorsement(KeyKind::P256) => 0x8101_0002,
        }
    }

    pub(super) fn hierarchy(self) -> Entity {
        match self {
            Self::Storage(_) => Entity::permanent(OWNER, "owner hierarchy"),
            Self::Endorsement(_) => Entity::permanent(ENDORSEMENT, "endorsement hierarchy"),
        }
    }

    fn role(self) -> &'static str {
        match self {
            Self::Storage(_) => "storage root key",
            Self::Endorsement(_) => "endorsement key",
        }
    }
}

/// The most that is written to one NV index, and what is answered to more.
pub(super) const LARGEST_NV: usize = 2048;
pub(super) const TOO_LARGE: TpmError =
    TpmError::NotReady("what is written to NV is larger than the 2048 bytes kept for it");

/// A primary that can be used.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) entity: Entity,
    /// Its `TPMT_PUBLIC`.
    pub(super) public: Vec<u8>,
    /// Whether we made it in the TPM's memory and have to flush it.
    pub(super) transient: bool,
}

impl Channel<'_> {
    /// The persistent primary if it is of this template and, where a Name is pinned, of that Name; otherwise one that is made
    /// in memory. Sends no secret.
    pub(super) fn primary(&mut self, primary: Primary, pinned: Option<&[u8]>) -> Result<Held, TpmError> {
        match self.persistent(primary, pinned)? {
            Some(held) => Ok(held),
            None => self.made(primary),
        }
    }

    /// The storage root key of either kind: the persistent one if it can be used, otherwise one in memory. RSA-2048, unless
    /// the pinned one turns out to be of the other kind.
    pub(super) fn storage(&mut self, pinned: Option<&[u8]>) -> Result<Held, TpmError> {
        if let Some(held) = self.persistent(Primary::Storage(KeyKind::P256), pinned)? {
            return Ok(held);
        }
        let held = self.primary(Primary::Storage(KeyKind::Rsa2048), pinned)?;
        if pinned.is_none_or(|name| name == held.entity.name) {
            return Ok(held);
        }
        self.release(&held)?;
        self.made(Primary::Storage(KeyKind::P256))
    }

    fn persistent(&mut self, primary: Primary, pinned: Option<&[u8]>) -> Result<Option<Held>, TpmError> {
        match self.read_public(primary.persistent_handle(), primary.role()) {
            Ok((entity, public)) if primary.fits(&public) && pinned.is_none_or(|name| name == entity.name) => {
                Ok(Some(Held { entity, public, transient: false }))
            }
            // Somebody else's key, perhaps with algorithms that we do not read. An answer that was tampered with is neither.
            Ok(_) | Err(TpmError::Untrusted { reason: FOREIGN, .. }) => Ok(None),
            Err(error) if response::is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn made(&mut self, primary: Primary) -> Result<Held, TpmError> {
        let template = primary.template().map_err(|_| TpmError::NotReady("a template cannot be built"))?;
        let (entity, public) = self.create_primary(&primary.hierarchy(), &template, primary.role())?;
        Ok(Held { entity, public, transient: true })
    }

    /// Gives a primary back.
    pub(super) fn release(&mut self, held: &Held) -> Result<(), TpmError> {
        if held.transient { self.flush(held.entity.handle) } else { Ok(()) }
    }

    /// The endorsement certificate of this kind, if NV holds one.
    pub(super) fn certificate(&mut self, kind: KeyKind) -> Result<Option<Vec<u8>>, TpmError> {
        Ok(self.nv_contents(certificate_index(kind))?.map(without_padding))
    }

    /// What an NV index holds, if there is one and it was written.
    pub(super) fn nv_contents(&mut self, index: u32) -> Result<Option<Vec<u8>>, TpmError> {
        const AUTH_READ: u32 = 1 << 18;
        const NO_DA: u32 = 1 << 25;
        const WRITTEN: u32 = 1 << 29;
        let (entity, attributes, size) = match self.nv_index(index) {
            Ok(found) => found,
            Err(error) if response::is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if attributes & WRITTEN == 0 {
            return Ok(None);
        }
        let owner = Entity::permanent(OWNER, "owner hierarchy");
        // An index whose own authorization is counted may have one: no try is spent on it.
        let free = attributes & AUTH_READ != 0 && attributes & NO_DA != 0;
        let reader = if free { &entity } else { &owner };
        self.nv_read(reader, &entity, size).map(Some)
    }

    /// Defines an index with the authority of `hierarchy` and writes it.
    pub(super) fn nv_write(
        &mut self,
        hierarchy: &Entity,
        index: u32,
        attributes: u32,
        contents: &[u8],
    ) -> Result<(), TpmError> {
        const PIECE: usize = 512;
        let size = u16::try_from(contents.len()).map_err(|_| TOO_LARGE)?;
        if contents.len() > LARGEST_NV {
            return Err(TOO_LARGE);
        }
        let public = Writer::new().u32(index).u16(ALG_SHA256).u32(attributes).sized(&[]).u16(size).finish();
        let parameters = Writer::new().sized(&[]).sized(&public);
        self.run(verb::NV_DEFINE_SPACE, &[hierarchy], &[self.empty()], parameters)?.read(|_| Ok(()))?;
        for (number, piece) in contents.chunks(PIECE).enumerate() {
            let offset = u16::try_from(number * PIECE).map_err(|_| TOO_LARGE)?;
            let parameters = Writer::new().sized(piece).u16(offset);
            // The first piece changes the attributes, and so the Name.
            let (index, ..) = self.nv_index(index)?;
            self.run(verb::NV_WRITE, &[hierarchy, &index], &[self.empty()], parameters)?.read(|_| Ok(()))?;
        }
        Ok(())
    }

    /// Removes an index of the owner.
    pub(super) fn nv_remove(&mut self, index: u32) -> Result<(), TpmError> {
        let owner = Entity::permanent(OWNER, "owner hierarchy");
        let (index, ..) = self.nv_index(index)?;
        self.run(verb::NV_UNDEFINE_SPACE, &[&owner, &index], &[self.empty()], Writer::new())?.read(|_| Ok(()))
    }

    /// An NV index with its Name, its attributes and its size.
    fn nv_index(&mut self, index: u32) -> Result<(Entity, u32, u16), TpmError> {
        let found = self.nv_public(&Entity::unnamed(index, "NV index"))?;
        if self.is_anchored() { self.nv_public(&found.0) } else { Ok(found) }
    }

    fn nv_public(&mut self, index: &Entity) -> Result<(Entity, u32, u16), TpmError> {
        self.run(verb::NV_READ_PUBLIC, &[index], &[], Writer::new())?.read(|reader| {
            let (public, name) = (reader.sized()?, reader.sized()?.to_vec());
            let mut fields = Reader::new(public);
            let (handle, name_alg, attributes) = (fields.u32()?, fields.u16()?, fields.u32()?);
            fields.sized()?;
            let size = fields.u16()?;
            fields.end()?;
            // Some makers define their certificates with another name algorithm; those are read without our session.
            let known = name_alg == ALG_SHA256 && name == name_of(public);
            if handle != index.handle || (name_alg == ALG_SHA256 && !known) {
                return Err(Malformed);
            }
            let name = if known { name } else { Vec::new() };
            Ok((Entity { handle, name, role: index.role }, attributes, size))
        })
    }

    /// Reads an index in pieces that every TPM takes.
    fn nv_read(&mut self, reader: &Entity, index: &Entity, size: u16) -> Result<Vec<u8>, TpmError> {
        const PIECE: u16 = 512;
        let mut contents = Vec::with_capacity(usize::from(size));
        for offset in (0..size).step_by(usize::from(PIECE)) {
            let parameters = Writer::new().u16(PIECE.min(size - offset)).u16(offset);
            let auth = if index.name.is_empty() { Auth::Empty } else { self.empty() };
            let answer = self.run(verb::NV_READ, &[reader, index], &[auth], parameters)?;
            contents.extend(answer.read(|reader| reader.sized().map(<[u8]>::to_vec))?);
        }
        Ok(contents)
    }
}

/// Where the TCG EK Credential Profile puts the certificate that belongs to template L-1 or L-2.
pub(super) fn certificate_index(kind: KeyKind) -> u32 {
    match kind {
        KeyKind::Rsa2048 => 0x01C0_0002,
        KeyKind::P256 => 0x01C0_000A,
    }
}

/// Cuts what some makers fill their index up with. Whatever else is in it stays as it is, for a verifier to refuse by name.
pub(super) fn without_padding(contents: Vec<u8>) -> Vec<u8> {
    Certificate::from_nv(&contents).map_or(contents, |read| read.certificate.der().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Clock as _;
    use crate::base::{OsRng, SystemClock};
    use crate::crypto::SigningKey;
    use crate::crypto::cert::{Authority, Name, Text, Validity};

    #[test]
    fn padding_after_a_certificate_is_cut_and_nothing_else() {
        let name = Name::common_name("EK", Text::Utf8).unwrap();
        let validity = Validity::days_from(SystemClock.now(), 1);
        let key = SigningKey::generate_p256().unwrap();
        let certificate = Authority::root(name, key, validity, &mut OsRng).unwrap().certificate().der().to_vec();
        for filler in [&[][..], &[0; 9], &[0xff; 700]] {
            assert_eq!(without_padding([certificate.as_slice(), filler].concat()), certificate);
        }
        for odd in [[certificate.as_slice(), &[1, 2]].concat(), vec![0x30, 0x82, 0x01], vec![]] {
            assert_eq!(without_padding(odd.clone()), odd);
        }
    }
}
