//! NV indices and persistent handles by the library's commands.

use tss_esapi::attributes::NvIndexAttributes;
use tss_esapi::handles::{NvIndexHandle, NvIndexTpmHandle, ObjectHandle, PersistentTpmHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::dynamic_handles::Persistent;
use tss_esapi::interface_types::resource_handles::{NvAuth, Provision};
use tss_esapi::structures::{MaxNvBuffer, NvPublic};

use super::context::Inner;
use super::fault::{fault, misplaced};
use super::verbs::built;
use crate::device::tpm::frame::malformed;
use crate::device::tpm::primary::{LARGEST_NV, TOO_LARGE};
use crate::device::tpm::{TpmError, verb};

impl Inner {
    /// The library's object for an NV index, closed again after `work`.
    pub(super) fn with_index<T>(
        &mut self,
        index: u32,
        work: impl FnOnce(&mut Self, NvIndexHandle) -> Result<T, TpmError>,
    ) -> Result<T, TpmError> {
        let wrap = |error| fault(verb::NV_READ_PUBLIC.name, error);
        let named = NvIndexTpmHandle::new(index).map_err(|_| misplaced(verb::NV_READ_PUBLIC.name))?;
        let handle = TpmHandle::NvIndex(named);
        let found = self.context.execute_without_session(|context| context.tr_from_tpm_public(handle));
        let mut object: ObjectHandle = found.map_err(wrap)?;
        let outcome = work(self, NvIndexHandle::from(object));
        // A removed index is closed by the library itself.
        let _closed_already = self.context.tr_close(&mut object);
        outcome
    }

    pub(super) fn nv_pieces(&mut self, index: NvIndexHandle) -> Result<Option<Vec<u8>>, TpmError> {
        const PIECE: u16 = 512;
        let read_public = self.context.execute_without_session(|context| context.nv_read_public(index));
        let (public, _) = built(verb::NV_READ_PUBLIC, read_public)?;
        let attributes = public.attributes();
        if !attributes.written() {
            return Ok(None);
        }
        // An index whose own authorization is counted may have one: no try is spent on it.
        let free = attributes.auth_read() && attributes.no_da();
        let reader = if free { NvAuth::NvIndex(index) } else { NvAuth::Owner };
        let size = u16::try_from(public.data_size()).map_err(|_| malformed(verb::NV_READ_PUBLIC.name))?;
        let mut contents = Vec::with_capacity(usize::from(size));
        for offset in (0..size).step_by(usize::from(PIECE)) {
            let piece = self.in_session(verb::NV_READ, |context, session| {
                context.execute_with_session(Some(session), |context| {
                    context.nv_read(reader, index, PIECE.min(size - offset), offset)
                })
            })?;
            contents.extend_from_slice(piece.value());
        }
        Ok(Some(contents))
    }

    /// Defines an index of the owner and writes it.
    pub(super) fn define_and_write(&mut self, index: u32, contents: &[u8]) -> Result<(), TpmError> {
        const PIECE: usize = 512;
        if contents.len() > LARGEST_NV {
            return Err(TOO_LARGE);
        }
        let handle = NvIndexTpmHandle::new(index).map_err(|_| misplaced(verb::NV_DEFINE_SPACE.name))?;
        let attributes = NvIndexAttributes::builder()
            .with_owner_write(true)
            .with_owner_read(true)
            .with_auth_read(true)
            .with_no_da(true)
            .build();
        let public = attributes.and_then(|attributes| {
            NvPublic::builder()
                .with_nv_index(handle)
                .with_index_name_algorithm(HashingAlgorithm::Sha256)
                .with_index_attributes(attributes)
                .with_data_area_size(contents.len())
                .build()
        });
        let public = built(verb::NV_DEFINE_SPACE, public)?;
        let defined = self.in_session(verb::NV_DEFINE_SPACE, |context, session| {
            context.execute_with_session(Some(session), |context| {
                context.nv_define_space(Provision::Owner, None, public.clone())
            })
        })?;
        let mut written = Ok(());
        for (number, piece) in contents.chunks(PIECE).enumerate() {
            let offset = u16::try_from(number * PIECE).map_err(|_| malformed(verb::NV_WRITE.name))?;
            written = written.and_then(|()| {
                self.in_session(verb::NV_WRITE, |context, session| {
                    let piece = MaxNvBuffer::try_from(piece)?;
                    context.execute_with_session(Some(session), |context| {
                        context.nv_write(NvAuth::Owner, defined, piece, offset)
                    })
                })
            });
        }
        let mut object = ObjectHandle::from(defined);
        built(verb::NV_WRITE, self.context.tr_close(&mut object))?;
        written
    }

    /// Removes an index of the owner.
    pub(super) fn undefine(&mut self, index: u32) -> Result<(), TpmError> {
        self.with_index(index, |inner, handle| {
            inner.in_session(verb::NV_UNDEFINE_SPACE, |context, session| {
                context
                    .execute_with_session(Some(session), |context| context.nv_undefine_space(Provision::Owner, handle))
            })
        })
    }

    /// Keeps a loaded object at a handle, or removes it from there.
    pub(super) fn evict_control(&mut self, object: ObjectHandle, handle: u32) -> Result<(), TpmError> {
        let named = PersistentTpmHandle::new(handle).map_err(|_| misplaced(verb::EVICT_CONTROL.name))?;
        let persistent = Persistent::Persistent(named);
        let mut kept = self.in_session(verb::EVICT_CONTROL, |context, session| {
            context.execute_with_session(Some(session), |context| {
                context.evict_control(Provision::Owner, object, persistent)
            })
        })?;
        if kept.is_none() {
            return Ok(());
        }
        built(verb::EVICT_CONTROL, self.context.tr_close(&mut kept))
    }
}
