//! The commands that are used, with what their frames look like (TPM 2.0 Part 3).

use tpm2_protocol::data::TpmCc;

/// A command code and the shape of its frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verb {
    pub(super) code: u32,
    /// As Part 3 names it.
    pub(super) name: &'static str,
    /// How many handles the command begins with.
    pub(super) handles: usize,
    /// Whether the first parameter of the command is a `TPM2B`, which a session may encrypt.
    pub(super) hides_command: bool,
    /// Whether the first parameter of the answer is one.
    pub(super) hides_answer: bool,
    /// Whether the answer brings a handle.
    pub(super) brings_handle: bool,
    /// Whether it goes without a session: the TPM takes none, or none is there to go along.
    pub(super) alone: bool,
}

impl Verb {
    const fn new(code: TpmCc, name: &'static str, handles: usize) -> Self {
        Self {
            code: code.value(),
            name,
            handles,
            hides_command: false,
            hides_answer: false,
            brings_handle: false,
            alone: false,
        }
    }

    const fn hiding_command(self) -> Self {
        Self { hides_command: true, ..self }
    }

    const fn hiding_both(self) -> Self {
        Self { hides_command: true, hides_answer: true, ..self }
    }

    const fn hiding_answer(self) -> Self {
        Self { hides_answer: true, ..self }
    }

    const fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    const fn bringing_handle(self) -> Self {
        Self { brings_handle: true, ..self }
    }
}

pub(super) const ACTIVATE_CREDENTIAL: Verb =
    Verb::new(TpmCc::ActivateCredential, "TPM2_ActivateCredential", 2).hiding_both();
pub(super) const CERTIFY: Verb = Verb::new(TpmCc::Certify, "TPM2_Certify", 2).hiding_both();
pub(super) const CERTIFY_CREATION: Verb = Verb::new(TpmCc::CertifyCreation, "TPM2_CertifyCreation", 2).hiding_both();
pub(super) const CLEAR: Verb = Verb::new(TpmCc::Clear, "TPM2_Clear", 1);
pub(super) const CREATE: Verb = Verb::new(TpmCc::Create, "TPM2_Create", 1).hiding_both();
pub(super) const CREATE_PRIMARY: Verb =
    Verb::new(TpmCc::CreatePrimary, "TPM2_CreatePrimary", 1).hiding_both().bringing_handle();
pub(super) const DA_LOCK_RESET: Verb = Verb::new(TpmCc::DictionaryAttackLockReset, "TPM2_DictionaryAttackLockReset", 1);
pub(super) const DA_PARAMETERS: Verb =
    Verb::new(TpmCc::DictionaryAttackParameters, "TPM2_DictionaryAttackParameters", 1);
pub(super) const EVICT_CONTROL: Verb = Verb::new(TpmCc::EvictControl, "TPM2_EvictControl", 2);
pub(super) const FLUSH_CONTEXT: Verb = Verb::new(TpmCc::FlushContext, "TPM2_FlushContext", 0).alone();
pub(super) const GET_CAPABILITY: Verb = Verb::new(TpmCc::GetCapability, "TPM2_GetCapability", 0);
pub(super) const GET_TEST_RESULT: Verb = Verb::new(TpmCc::GetTestResult, "TPM2_GetTestResult", 0).hiding_answer();
pub(super) const HIERARCHY_CHANGE_AUTH: Verb =
    Verb::new(TpmCc::HierarchyChangeAuth, "TPM2_HierarchyChangeAuth", 1).hiding_command();
pub(super) const HIERARCHY_CONTROL: Verb = Verb::new(TpmCc::HierarchyControl, "TPM2_HierarchyControl", 1);
pub(super) const LOAD: Verb = Verb::new(TpmCc::Load, "TPM2_Load", 1).hiding_both().bringing_handle();
pub(super) const MAKE_CREDENTIAL: Verb = Verb::new(TpmCc::MakeCredential, "TPM2_MakeCredential", 1).hiding_both();
pub(super) const NV_DEFINE_SPACE: Verb = Verb::new(TpmCc::NvDefineSpace, "TPM2_NV_DefineSpace", 1).hiding_command();
pub(super) const NV_READ: Verb = Verb::new(TpmCc::NvRead, "TPM2_NV_Read", 2).hiding_answer();
pub(super) const NV_READ_PUBLIC: Verb = Verb::new(TpmCc::NvReadPublic, "TPM2_NV_ReadPublic", 1).hiding_answer();
pub(super) const NV_UNDEFINE_SPACE: Verb = Verb::new(TpmCc::NvUndefineSpace, "TPM2_NV_UndefineSpace", 2);
pub(super) const NV_WRITE: Verb = Verb::new(TpmCc::NvWrite, "TPM2_NV_Write", 2).hiding_command();
pub(super) const OBJECT_CHANGE_AUTH: Verb =
    Verb::new(TpmCc::ObjectChangeAuth, "TPM2_ObjectChangeAuth", 2).hiding_both();
pub(super) const POLICY_COMMAND_CODE: Verb = Verb::new(TpmCc::PolicyCommandCode, "TPM2_PolicyCommandCode", 1);
pub(super) const POLICY_OR: Verb = Verb::new(TpmCc::PolicyOr, "TPM2_PolicyOR", 1);
pub(super) const POLICY_SECRET: Verb = Verb::new(TpmCc::PolicySecret, "TPM2_PolicySecret", 2).hiding_both();
pub(super) const READ_CLOCK: Verb = Verb::new(TpmCc::ReadClock, "TPM2_ReadClock", 0);
pub(super) const READ_PUBLIC: Verb = Verb::new(TpmCc::ReadPublic, "TPM2_ReadPublic", 1).hiding_answer();
pub(super) const RSA_DECRYPT: Verb = Verb::new(TpmCc::RsaDecrypt, "TPM2_RSA_Decrypt", 1).hiding_both();
pub(super) const SHUTDOWN: Verb = Verb::new(TpmCc::Shutdown, "TPM2_Shutdown", 0).alone();
pub(super) const SIGN: Verb = Verb::new(TpmCc::Sign, "TPM2_Sign", 1).hiding_command();
/// The first session, which no other can vouch for.
pub(super) const START_AUTH_SESSION: Verb =
    Verb::new(TpmCc::StartAuthSession, "TPM2_StartAuthSession", 2).bringing_handle().alone();
/// A policy session, for which ours goes along.
pub(super) const START_POLICY_SESSION: Verb =
    Verb::new(TpmCc::StartAuthSession, "TPM2_StartAuthSession", 2).hiding_both().bringing_handle();
pub(super) const UNSEAL: Verb = Verb::new(TpmCc::Unseal, "TPM2_Unseal", 1).hiding_answer();

/// All of them, each code once.
pub(super) const ALL: [Verb; 32] = [
    ACTIVATE_CREDENTIAL,
    CERTIFY,
    CERTIFY_CREATION,
    CLEAR,
    CREATE,
    CREATE_PRIMARY,
    DA_LOCK_RESET,
    DA_PARAMETERS,
    EVICT_CONTROL,
    FLUSH_CONTEXT,
    GET_CAPABILITY,
    GET_TEST_RESULT,
    HIERARCHY_CHANGE_AUTH,
    HIERARCHY_CONTROL,
    LOAD,
    MAKE_CREDENTIAL,
    NV_DEFINE_SPACE,
    NV_READ,
    NV_READ_PUBLIC,
    NV_UNDEFINE_SPACE,
    NV_WRITE,
    OBJECT_CHANGE_AUTH,
    POLICY_COMMAND_CODE,
    POLICY_OR,
    POLICY_SECRET,
    READ_CLOCK,
    READ_PUBLIC,
    RSA_DECRYPT,
    SHUTDOWN,
    SIGN,
    START_AUTH_SESSION,
    UNSEAL,
];
