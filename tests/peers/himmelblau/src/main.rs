//! Runs libhimmelblau from crates.io, unmodified, against `whfb serve`: redirected by the environment alone, TLS checked.
//!
//! Its keys live in a TPM. The address of that TPM is the only argument, in the words of a TCTI.

use std::future::Future;

use anyhow::{Context as _, Result, bail, ensure};
use himmelblau::error::MsalError;
use himmelblau::{BrokerClientApplication, EnrollAttrs, UserToken};
use kanidm_hsm_crypto::AuthValue;
use kanidm_hsm_crypto::provider::{BoxedDynTpm, Tpm as _, TssTpm};
use kanidm_hsm_crypto::structures::StorageKey;

const ALICE: &str = "alice@contoso.example";
const CAROL: &str = "carol@contoso.example";
const PASSWORD: &str = "Passw0rd!";
const PIN: &str = "271828";
const TENANT: &str = "6d1f4cd0-1b2f-4a43-9a36-7c7a5f0e2b11";
const DOMAIN: &str = "contoso.example";
const GRAPH: &str = "https://graph.microsoft.com/.default";
const DRS: &str = "urn:ms-drs:enterpriseregistration.windows.net";

/// Counts the steps, and says each.
#[derive(Default)]
struct Steps(u32);

impl Steps {
    fn passed(&mut self, words: &str) {
        self.0 += 1;
        println!("{:2}  ok      {words}", self.0);
    }

    /// A call that has to succeed.
    async fn done<T>(&mut self, words: &str, call: impl Future<Output = Result<T, MsalError>>) -> Result<T> {
        let result = call.await.map_err(|error| anyhow::anyhow!("{error:?}"));
        let value = result.with_context(|| format!("FAILED: {words}"))?;
        self.passed(words);
        Ok(value)
    }

    /// A call that has to be refused, by a text in its error.
    async fn refused<T>(
        &mut self,
        words: &str,
        expected: &str,
        call: impl Future<Output = Result<T, MsalError>>,
    ) -> Result<()> {
        match call.await {
            Ok(_) => bail!("FAILED: {words}: it was not refused"),
            Err(error) => {
                let error = format!("{error:?}");
                ensure!(error.contains(expected), "FAILED: {words}: expected {expected}, not {error}");
            }
        }
        self.passed(words);
        Ok(())
    }
}

/// A TPM, and the key below which libhimmelblau keeps its own.
struct Machine {
    tpm: BoxedDynTpm,
    storage: StorageKey,
}

impl Machine {
    fn open(tcti: &str) -> Result<Self> {
        let tpm = TssTpm::new(tcti).map_err(|error| anyhow::anyhow!("no TPM at {tcti}: {error:?}"))?;
        let mut tpm = BoxedDynTpm::new(tpm);
        let auth = AuthValue::ephemeral().map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let made = tpm.root_storage_key_create(&auth).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let storage = tpm.root_storage_key_load(&auth, &made).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        Ok(Self { tpm, storage })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let tcti = std::env::args().nth(1).context("usage: whfb-peer-himmelblau TCTI")?;
    let mut machine = Machine::open(&tcti)?;
    let mut steps = Steps::default();
    let mut client =
        BrokerClientApplication::new(None, None, None, None).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let token = enrol(&mut steps, &mut client, &mut machine).await?;
    prts(&mut steps, &client, &mut machine, &token).await?;
    hello(&mut steps, &client, &mut machine, &token).await?;
    others(&mut steps, &client, &mut machine).await?;
    println!("libhimmelblau 0.8.45: {} steps passed", steps.0);
    Ok(())
}

/// A token by password, and a device that it enrols.
async fn enrol(steps: &mut Steps, client: &mut BrokerClientApplication, machine: &mut Machine) -> Result<UserToken> {
    let wrong = client.acquire_token_by_username_password_for_device_enrollment(ALICE, "wrong");
    steps.refused("a wrong password is refused", "50126", wrong).await?;
    let asked = client.acquire_token_by_username_password_for_device_enrollment(ALICE, PASSWORD);
    let token = steps.done("a token by password, for enrolment", asked).await?;
    ensure!(token.spn().is_ok_and(|spn| spn == ALICE), "the token names {:?}", token.spn().err());
    ensure!(token.amr_mfa().unwrap_or(false), "the token says mfa");
    let attributes = EnrollAttrs::new(DOMAIN.to_owned(), Some("PEER-3".to_owned()), None, None, None)
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let enrolled = client.enroll_device(&token.refresh_token, attributes, &mut machine.tpm, &machine.storage);
    let (_, _, device) = steps.done("a device enrols, its keys in a TPM", enrolled).await?;
    ensure!(device.len() == 36, "the device's id is {device}");
    Ok(token)
}

/// PRTs by password and by refresh token, their renewal, and tokens for them.
async fn prts(
    steps: &mut Steps,
    client: &BrokerClientApplication,
    machine: &mut Machine,
    token: &UserToken,
) -> Result<()> {
    let Machine { tpm, storage } = machine;
    let wrong = client.acquire_user_prt_by_username_password(ALICE, "wrong", tpm, storage);
    steps.refused("no PRT by a wrong password", "50126", wrong).await?;
    let by_password = client.acquire_user_prt_by_username_password(ALICE, PASSWORD, tpm, storage);
    steps.done("a PRT by password", by_password).await?;
    let by_token = client.acquire_user_prt_by_refresh_token(&token.refresh_token, tpm, storage);
    let prt = steps.done("a PRT by refresh token", by_token).await?;
    let renewed = client.exchange_prt_for_prt(&prt, tpm, storage, true);
    let prt = steps.done("the PRT is renewed", renewed).await?;
    let v1 = client.exchange_prt_for_access_token(&prt, Vec::new(), Some(DRS.to_owned()), tpm, storage);
    let v1 = steps.done("a token for a resource by PRT", v1).await?;
    ensure!(v1.access_token.is_some(), "there is no access token");
    let v2 = client.exchange_prt_for_access_token(&prt, vec![GRAPH], None, tpm, storage);
    steps.done("a token for scopes by PRT", v2).await?;
    let unknown = client.exchange_prt_for_access_token(&prt, Vec::new(), Some("urn:other".to_owned()), tpm, storage);
    steps.refused("an unknown resource is refused", "50001", unknown).await
}

/// A Hello key in the TPM behind a PIN, and what it signs in for.
async fn hello(
    steps: &mut Steps,
    client: &BrokerClientApplication,
    machine: &mut Machine,
    token: &UserToken,
) -> Result<()> {
    let Machine { tpm, storage } = machine;
    let made = client.provision_hello_for_business_key(token, tpm, storage, PIN);
    let key = steps.done("a Hello key behind a PIN is made and registered", made).await?;
    let wrong = client.acquire_user_prt_by_hello_for_business_key(ALICE, &key, tpm, storage, "314159");
    steps.refused("a wrong PIN is refused by the TPM", "TPMFail", wrong).await?;
    let signed_in = client.acquire_user_prt_by_hello_for_business_key(ALICE, &key, tpm, storage, PIN);
    steps.done("a PRT by Hello key", signed_in).await?;
    let by_key = client.acquire_token_by_hello_for_business_key(ALICE, &key, vec![GRAPH], None, tpm, storage, PIN);
    let by_key = steps.done("a token by Hello key", by_key).await?;
    ensure!(by_key.access_token.is_some() && by_key.amr_mfa().unwrap_or(false), "the token says mfa");
    let other = client.acquire_user_prt_by_hello_for_business_key(CAROL, &key, tpm, storage, PIN);
    steps.refused("another user's name with the key is refused", "130004", other).await
}

/// What neither a PRT nor a Hello key is needed for.
async fn others(steps: &mut Steps, client: &BrokerClientApplication, machine: &mut Machine) -> Result<()> {
    let Machine { tpm, storage } = machine;
    let peer = client.acquire_device_p2p_certificate(TENANT, "PEER-3", Some(&["peer-3.contoso.example"]), tpm, storage);
    let peer = steps.done("a peer-to-peer certificate for the device's key", peer).await?;
    ensure!(peer.dns_names == ["peer-3.contoso.example"], "it names {:?}", peer.dns_names);
    let flow = client.initiate_device_flow_for_device_enrollment();
    let flow = steps.done("a device code", flow).await?;
    // The server approves at once, and a poll has to wait for nobody.
    let polled = client.acquire_token_by_device_flow(flow);
    steps.done("a token by device code", polled).await.map(drop)
}
