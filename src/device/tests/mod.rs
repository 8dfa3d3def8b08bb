//! The flows on a device without a TPM, against a server that answers by script.

mod attestation;
mod hardware;
mod limits;
mod replies;
mod scripted;

use std::ffi::OsString;
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::base::{ExposeSecret as _, Hresult, SecretString};
use crate::device::hardware::Provider;
use crate::device::home::Device;
use crate::device::join::Join;
use crate::device::pin::{AcceptedPin, PinRules};
use crate::device::policy::{Node, Policy};
use crate::device::provision::{Provision, Registered, begin_automatically, begin_by_user};
use crate::device::signin::{Logon, SignIn};
use crate::device::state::{Description, TpmChoice};
use crate::device::stop::{Stop, StopClass};
use crate::wire::encoding::base64;
use scripted::{PASSWORD, PRT, Server, TENANT, UPN, now, password, set};

const PIN: &str = "187246";

struct Bench {
    server: Server,
    device: Device,
    dir: TempDir,
}

type Files = Vec<(OsString, Vec<u8>)>;

static LOGGED_ON: LazyLock<(Server, Files)> = LazyLock::new(|| {
    let mut bench = Bench::joined();
    bench.server.run(Logon::new(UPN, password()), &mut bench.device, None).unwrap();
    bench.device.save().unwrap();
    bench.server.seen.clear();
    let entries = std::fs::read_dir(bench.dir.path()).unwrap().map(|entry| entry.unwrap());
    let files = entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect();
    (bench.server, files)
});

fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let description = Description { name: "LAB-1".into(), tpm: TpmChoice::None, condition: Default::default() };
    let device = Device::create(dir.path(), description).unwrap();
    Bench { server: Server::new(), device, dir }
}

fn pin(text: &str) -> AcceptedPin {
    PinRules::of(&Policy::default().effective(now(), &Default::default())).accept(SecretString::from(text)).unwrap()
}

impl Bench {
    fn joined() -> Self {
        let mut bench = bench();
        bench.server.run(Join::new(UPN, password()), &mut bench.device, None).unwrap();
        bench
    }

    /// Two RSA keys take most of a test's time, so they are made once and every test gets a copy of the device.
    fn logged_on() -> Self {
        let (server, files) = &*LOGGED_ON;
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        Self { server: server.clone(), device: Device::open(dir.path()).unwrap(), dir }
    }

    fn provisioned() -> Self {
        let mut bench = Self::logged_on();
        bench.provision().unwrap();
        bench
    }

    fn provision(&mut self) -> Result<Registered, Stop> {
        let make = |machine: &mut crate::device::flow::Machine<'_>| -> Result<Provision, Stop> {
            Ok(begin_by_user(machine, UPN, now())?.with_pin(pin(PIN)))
        };
        self.server.run_as(make, &mut self.device, None)
    }

    fn sign_in(&mut self, pin: &str) -> Result<crate::device::signin::SignedIn, Stop> {
        self.server.run(SignIn::new(UPN, SecretString::from(pin)), &mut self.device, None)
    }

    /// Saves, closes and opens the device, as the next command would.
    fn reopened(mut self) -> Self {
        self.device.save().unwrap();
        drop(self.device);
        let device = Device::open(self.dir.path()).unwrap();
        Self { device, ..self }
    }
}

#[test]
fn the_whole_story_survives_a_restart_between_its_steps() {
    let mut bench = bench();
    let joined = bench.server.run(Join::new(UPN, password()), &mut bench.device, None).unwrap();
    assert_eq!((joined.provider, joined.tenant_name.as_str()), (Provider::Software, "Contoso"));

    let mut bench = bench.reopened();
    let facts = bench.server.run(Logon::new(UPN, password()), &mut bench.device, None).unwrap();
    assert_eq!(facts.tid, TENANT);

    let mut bench = bench.reopened();
    let registered = bench.provision().unwrap();
    assert_eq!((registered.provider, registered.attestation.as_deref()), (Provider::Software, Some("none")));
    assert_eq!(registered.kid, base64(&crate::wire::blob::key_id(&bench.server.keys[0].blob)));
    let expected = [3045, 3555, 5555, 8555, 3225, 5225, 8225, 3510, 300, 350, 8510, 8045];
    assert_eq!(bench.device.events.ids(), expected);
    let attestation = bench.device.events.events()[8].field("Attestation").map(str::to_owned);
    assert_eq!(attestation.as_deref(), Some("ATT_SOFT"));

    let mut bench = bench.reopened();
    let signed_in = bench.sign_in(PIN).unwrap();
    assert_eq!((signed_in.key_id, signed_in.kid), (registered.key_id, registered.kid));
    assert_eq!(signed_in.prt.amr, ["rsa", "mfa"]);
    assert_eq!(bench.device.logged_events().unwrap().len(), expected.len());
}

#[test]
fn nothing_on_disk_is_pin_password_prt_or_session_key() {
    let mut bench = Bench::provisioned();
    bench.sign_in(PIN).unwrap();
    bench.device.save().unwrap();
    let session_key = bench.server.session_key.as_ref().unwrap().expose_secret().to_vec();
    let coded = base64(&session_key);
    for entry in std::fs::read_dir(bench.dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in [PIN.as_bytes(), PASSWORD.as_bytes(), PRT.as_bytes(), &session_key, coded.as_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}

#[test]
fn a_wrong_pin_is_refused_before_anything_is_sent_with_it() {
    let mut bench = Bench::provisioned();
    bench.server.seen.clear();
    let before = bench.device.state.clone();
    let stop = bench.sign_in("187247").unwrap_err();
    assert!(matches!(stop, Stop::WrongPin(None)), "{stop}");
    assert_eq!(stop.hresult(), Some(Hresult::NTE_INCORRECT_PASSWORD));
    assert_eq!(bench.server.seen.len(), 2, "two nonces and no sign-in");
    assert_eq!(bench.device.state, before);
}

#[test]
fn the_users_entry_without_a_tpm_ends_in_the_policys_code() {
    let mut bench = Bench::logged_on();
    bench.device.policy = set(Node::RequireSecurityDevice, true);
    let before = bench.device.state.clone();
    let stop = bench.provision().unwrap_err();
    assert!(matches!(stop, Stop::Hardware(Hresult::NTE_DEVICE_NOT_FOUND)), "{stop}");
    assert_eq!(stop.class(), StopClass::Refused);
    assert_eq!(bench.device.state, before);
    assert!(bench.server.keys.is_empty());
    assert_eq!(bench.device.events.ids(), [3045, 3555, 5555, 7555, 7045]);
    let last = bench.device.events.events().last().unwrap().field("Error").map(str::to_owned);
    assert_eq!(last.as_deref(), Some("0x80090035"));
}

#[test]
fn the_automatic_entry_without_a_tpm_starts_nothing_and_has_no_code() {
    let mut bench = Bench::logged_on();
    bench.device.policy = set(Node::RequireSecurityDevice, true);
    let before = bench.device.state.clone();
    let make = |machine: &mut crate::device::flow::Machine<'_>| -> Result<Provision, Stop> {
        Ok(begin_automatically(machine, UPN, false, now())?.with_pin(pin(PIN)))
    };
    let stop = bench.server.run_as(make, &mut bench.device, None).unwrap_err();
    assert!(matches!(stop, Stop::WillNotProvision(_)), "{stop}");
    assert_eq!((stop.hresult(), stop.class()), (None, StopClass::Refused));
    assert_eq!(stop.to_string(), "provisioning will not start: DeviceEligible is NO");
    assert_eq!(bench.device.events.ids(), [360]);
    assert!(bench.server.seen.is_empty());
    assert_eq!(bench.device.state, before);
}

#[test]
fn the_automatic_entry_provisions_when_the_check_passes() {
    let mut bench = Bench::logged_on();
    let make = |machine: &mut crate::device::flow::Machine<'_>| -> Result<Provision, Stop> {
        Ok(begin_automatically(machine, UPN, false, now())?.with_pin(pin(PIN)))
    };
    bench.server.run_as(make, &mut bench.device, None).unwrap();
    assert_eq!(bench.device.events.ids()[..2], [358, 3045]);
}

#[test]
fn flows_name_what_is_missing_before_they_ask_a_server() {
    let mut fresh = bench();
    assert!(matches!(fresh.sign_in(PIN), Err(Stop::NotJoined)));
    assert!(matches!(fresh.provision(), Err(Stop::NotJoined)));
    let mut joined = Bench::joined();
    joined.server.seen.clear();
    assert!(matches!(joined.sign_in(PIN), Err(Stop::NoContainer)));
    assert!(matches!(joined.provision(), Err(Stop::NoPrt)));
    assert!(joined.server.seen.is_empty());
    let mut done = Bench::provisioned();
    assert!(matches!(done.provision(), Err(Stop::ContainerExists)));
    let name = done.server.run(Logon::new("alice", password()), &mut done.device, None);
    assert!(matches!(name, Err(Stop::NotAUpn)));
}

#[test]
fn policy_off_stops_the_users_entry_at_the_container() {
    let mut bench = Bench::logged_on();
    bench.device.policy = set(Node::UsePassportForWork, false);
    let stop = bench.provision().unwrap_err();
    assert!(matches!(stop, Stop::Disabled(Hresult::NTE_PERM)), "{stop}");
    assert!(bench.device.state.user(UPN).unwrap().container.is_none());
}

#[test]
fn the_status_of_a_provisioned_user_shows_key_and_token() {
    let bench = Bench::provisioned();
    let sections = crate::device::status::sections(&bench.device.state, Some(UPN));
    let value = |title: &str, name: &str| {
        let section = sections.iter().find(|section| section.title == title).unwrap();
        section.value(name).map(str::to_owned)
    };
    assert_eq!(value("Device State", "AzureAdJoined").as_deref(), Some("YES"));
    assert_eq!(value("Device Details", "KeyProvider").as_deref(), Some("Microsoft Software Key Storage Provider"));
    assert_eq!(value("Device Details", "TpmProtected").as_deref(), Some("NO"));
    assert_eq!(value("Tenant Details", "TenantId").as_deref(), Some(TENANT));
    assert_eq!(value("User State", "NgcKeyId").as_deref(), Some("{00000000-0000-0000-0000-0000000000C0}"));
    assert_eq!(value("SSO State", "AzureAdPrt").as_deref(), Some("YES"));
}

#[test]
fn an_expired_token_is_named_before_a_server_is_asked() {
    let mut bench = Bench::logged_on();
    bench.device.state.users.get_mut(UPN).unwrap().prt.as_mut().unwrap().facts.expires = now();
    assert!(matches!(bench.provision(), Err(Stop::PrtExpired)));
    assert!(bench.server.seen.is_empty());
}
