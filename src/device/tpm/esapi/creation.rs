//! How a key was made, in the bytes that the TPM sent: the library hands it out taken apart and cannot put it together.

use tss_esapi::structures::{CreationData, CreationTicket, Digest};
use tss_esapi::tss2_esys::{TPM2B_DIGEST, TPM2B_NAME, TPML_PCR_SELECTION, TPMS_CREATION_DATA, TPMT_TK_CREATION};

use super::verbs::built;
use crate::device::tpm::frame::malformed;
use crate::device::tpm::marshal::Writer;
use crate::device::tpm::{Creation, TpmError, verb};

/// What the answer to `TPM2_Create` says beside the key. The creation hash shows whether it was put together right.
pub(super) fn creation(data: CreationData, hash: &Digest, ticket: CreationTicket) -> Result<Creation, TpmError> {
    let ticket = built(verb::CREATE, TPMT_TK_CREATION::try_from(ticket))?;
    let fields = (ticket.tag, ticket.hierarchy, digest(&ticket.digest));
    Creation::assemble(marshalled(data), hash.value(), fields).map_err(|_| malformed(verb::CREATE.name))
}

/// `TPMS_CREATION_DATA` (TPM 2.0 Part 2, section 15.1).
fn marshalled(data: CreationData) -> Vec<u8> {
    let data = TPMS_CREATION_DATA::from(data);
    let writer = selections(Writer::new(), &data.pcrSelect);
    let writer = writer.sized(digest(&data.pcrDigest)).u8(data.locality).u16(data.parentNameAlg);
    let writer = writer.sized(name(&data.parentName)).sized(name(&data.parentQualifiedName));
    let outside = data.outsideInfo.buffer.get(..usize::from(data.outsideInfo.size)).unwrap_or_default();
    writer.sized(outside).finish().to_vec()
}

fn selections(writer: Writer, list: &TPML_PCR_SELECTION) -> Writer {
    let count = usize::try_from(list.count).unwrap_or(usize::MAX);
    list.pcrSelections.iter().take(count).fold(writer.u32(list.count), |writer, selection| {
        let selected = selection.pcrSelect.get(..usize::from(selection.sizeofSelect)).unwrap_or_default();
        writer.u16(selection.hash).u8(selection.sizeofSelect).bytes(selected)
    })
}

fn digest(digest: &TPM2B_DIGEST) -> &[u8] {
    digest.buffer.get(..usize::from(digest.size)).unwrap_or_default()
}

fn name(name: &TPM2B_NAME) -> &[u8] {
    name.name.get(..usize::from(name.size)).unwrap_or_default()
}
