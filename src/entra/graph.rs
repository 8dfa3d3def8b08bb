//! Microsoft Graph, as far as it tells of Hello keys and devices (protocol.md 5.5).
//!
//! Ours: scopes are not looked at, since the token service grants every client the same. \[inferred\]: a user reads and deletes
//! keys of their own; for anybody else's Graph wants an administrator, and the seeded tenant has none. Devices are read by
//! every user of the tenant, as by default in Entra.

use crate::base::{Timestamp, Uuid};
use crate::crypto::digest::sha256;
use crate::wire::graph::{Collection, Entity, GraphDevice, GraphUser, HELLO_METHOD_TYPE, HelloMethod};
use crate::wire::host;
use crate::wire::http::{Request, decoded_segment};
use crate::wire::key_credential::SearchableDeviceKey;
use crate::wire::oauth::field;
use crate::wire::token::GRAPH_AUDIENCE;

use super::directory::{Device, Key, User};
use super::refusal::{Broken, Failure, Refusal};
use super::{Entra, tokens};

/// A request whose caller is known.
pub(crate) struct Call<'a> {
    entra: &'a Entra,
    /// `v1.0` or `beta`.
    version: &'a str,
    caller: User,
    options: Vec<(String, String)>,
}

/// Whose token it is. Checks in this order: token, user.
pub(crate) async fn admit<'a>(entra: &'a Entra, version: &'a str, request: &Request) -> Result<Call<'a>, Failure> {
    let bearer = request.bearer_token().ok_or(Refusal::GraphTokenMissing)?;
    let claims = tokens::admit(bearer, entra.keys(), entra.tenant().id, GRAPH_AUDIENCE, entra.now())
        .map_err(Refusal::graph_token)?;
    let id = Uuid::parse_str(&claims.oid).map_err(|_| Refusal::GraphTokenUserUnknown)?;
    let caller = entra.directory().user(id).await?.ok_or(Refusal::GraphTokenUserUnknown)?;
    // OData's own options begin with a dollar sign; other fields, such as client-request-id, mean nothing here.
    let options = request.query().into_iter().filter(|(name, _)| name.starts_with('$')).collect();
    Ok(Call { entra, version, caller, options })
}

/// Answers `GET /me`, with `$select`.
pub(crate) async fn me(call: &Call<'_>) -> Result<Entity<GraphUser>, Failure> {
    call.allow(&["$select"])?;
    let Some(select) = field(&call.options, "$select") else {
        return Ok(Entity {
            context: call.context("users/$entity"),
            entity: select_from(call, &["id", "displayName", "userPrincipalName"]).await?,
        });
    };
    let names: Vec<&str> = select.split(',').map(str::trim).collect();
    let context = call.context(&format!("users({})/$entity", names.join(",")));
    Ok(Entity { context, entity: select_from(call, &names).await? })
}

async fn select_from(call: &Call<'_>, names: &[&str]) -> Result<GraphUser, Failure> {
    let caller = &call.caller;
    let mut user = GraphUser::default();
    for name in names {
        match *name {
            "id" => user.id = Some(caller.id.to_string()),
            "displayName" => user.display_name = Some(caller.display_name.clone()),
            "userPrincipalName" => user.user_principal_name = Some(caller.upn.clone()),
            "searchableDeviceKey" => {
                let keys = call.entra.directory().keys_of_user(caller.id).await?;
                let keys: Result<_, Broken> = keys.iter().map(searchable).collect();
                user.searchable_device_key = Some(keys?);
            }
            _ => return Err(Refusal::GraphSelectUnknown.into()),
        }
    }
    Ok(user)
}

fn searchable(key: &Key) -> Result<SearchableDeviceKey, Broken> {
    SearchableDeviceKey::of(&key.azure()?).ok_or(Broken::Encoding)
}

/// Answers `GET .../authentication/windowsHelloForBusinessMethods`; the list takes no options.
pub(crate) async fn methods(call: &Call<'_>, who: &[&str]) -> Result<Collection<HelloMethod>, Failure> {
    call.allow(&[])?;
    let user = call.own(who).await?;
    let mut value = Vec::new();
    for key in call.entra.directory().keys_of_user(user.id).await? {
        let device = call.entra.directory().device(key.device).await?;
        value.push(describe(&key, device.as_ref())?);
    }
    Ok(Collection { context: call.methods_context(user), value })
}

/// Answers `GET .../authentication/windowsHelloForBusinessMethods/{id}`, with `$expand=device`.
pub(crate) async fn method(call: &Call<'_>, who: &[&str], id: &str) -> Result<Entity<HelloMethod>, Failure> {
    call.allow(&["$expand"])?;
    let expand = match field(&call.options, "$expand") {
        None => false,
        Some("device") => true,
        Some(_) => return Err(Refusal::GraphOptionUnsupported.into()),
    };
    let user = call.own(who).await?;
    let key = key(call, user, id).await?;
    let device = call.entra.directory().device(key.device).await?;
    let mut entity = describe(&key, device.as_ref())?;
    if expand {
        entity.device = Some(device.as_ref().map(describe_device).transpose()?);
    }
    Ok(Entity { context: format!("{}/$entity", call.methods_context(user)), entity })
}

/// Answers `DELETE .../authentication/windowsHelloForBusinessMethods/{id}`: nobody signs in with the key any more. PRTs that
/// it brought stay good. \[inferred\]
pub(crate) async fn delete_method(call: &Call<'_>, who: &[&str], id: &str) -> Result<(), Failure> {
    call.allow(&[])?;
    let user = call.own(who).await?;
    let key = key(call, user, id).await?;
    match call.entra.directory().delete_key(&key, call.entra.now().as_second()).await? {
        true => Ok(()),
        false => Err(Refusal::GraphMethodUnknown.into()),
    }
}

/// Answers `GET /devices`.
pub(crate) async fn devices(call: &Call<'_>) -> Result<Collection<GraphDevice>, Failure> {
    call.allow(&[])?;
    let devices = call.entra.directory().devices().await?;
    let value: Result<_, Broken> = devices.iter().map(describe_device).collect();
    Ok(Collection { context: call.context("devices"), value: value? })
}

/// Answers `GET /devices/{id of the object}`.
pub(crate) async fn device(call: &Call<'_>, id: &str) -> Result<Entity<GraphDevice>, Failure> {
    call.allow(&[])?;
    let id = Uuid::parse_str(&decoded_segment(id)).map_err(|_| Refusal::GraphDeviceIdMalformed)?;
    let devices = call.entra.directory().devices().await?;
    let device = devices.iter().find(|device| object_id(device.id) == id).ok_or(Refusal::GraphDeviceUnknown)?;
    Ok(Entity { context: call.context("devices/$entity"), entity: describe_device(device)? })
}

/// Answers `GET /devices(deviceId='{id of the device}')`; the segment comes in lower case.
pub(crate) async fn device_by_key(call: &Call<'_>, segment: &str) -> Result<Entity<GraphDevice>, Failure> {
    call.allow(&[])?;
    let segment = decoded_segment(segment);
    let id = segment.strip_prefix("devices(deviceid='").and_then(|rest| rest.strip_suffix("')"));
    let id = Uuid::parse_str(id.ok_or(Refusal::GraphPathUnknown)?).map_err(|_| Refusal::GraphDeviceIdMalformed)?;
    let device = call.entra.directory().device(id).await?.ok_or(Refusal::GraphDeviceUnknown)?;
    Ok(Entity { context: call.context("devices/$entity"), entity: describe_device(&device)? })
}

impl Call<'_> {
    /// Refuses options that are not among those, and one that is given twice.
    fn allow(&self, names: &[&str]) -> Result<(), Refusal> {
        let good = |(at, (name, _)): (usize, &(String, String))| {
            names.contains(&name.as_str()) && self.options[..at].iter().all(|(before, _)| before != name)
        };
        if self.options.iter().enumerate().all(good) { Ok(()) } else { Err(Refusal::GraphOptionUnsupported) }
    }

    /// The user whom a path names: `me`, or `users` with an object id or a UPN. Only the caller passes.
    async fn own(&self, who: &[&str]) -> Result<&User, Failure> {
        let named = match who {
            ["me"] => return Ok(&self.caller),
            ["users", named] => decoded_segment(named),
            _ => return Err(Refusal::GraphPathUnknown.into()),
        };
        let user = match Uuid::parse_str(&named) {
            Ok(id) => self.entra.directory().user(id).await?,
            Err(_) => self.entra.directory().user_by_upn(&named).await?,
        };
        let user = user.ok_or(Refusal::GraphUserUnknown)?;
        if user.id == self.caller.id { Ok(&self.caller) } else { Err(Refusal::GraphUserDiffers.into()) }
    }

    fn context(&self, of: &str) -> String {
        format!("https://{}/{}/$metadata#{of}", host::GRAPH, self.version)
    }

    fn methods_context(&self, user: &User) -> String {
        self.context(&format!("users('{}')/authentication/windowsHelloForBusinessMethods", user.id))
    }
}

async fn key(call: &Call<'_>, user: &User, id: &str) -> Result<Key, Failure> {
    let id = Uuid::parse_str(&decoded_segment(id)).map_err(|_| Refusal::GraphMethodIdMalformed)?;
    let keys = call.entra.directory().keys_of_user(user.id).await?;
    keys.into_iter().find(|key| key.kid == id).ok_or(Refusal::GraphMethodUnknown.into())
}

fn describe(key: &Key, device: Option<&Device>) -> Result<HelloMethod, Broken> {
    Ok(HelloMethod {
        kind: HELLO_METHOD_TYPE.to_owned(),
        id: key.kid.to_string(),
        display_name: device.map(|device| device.display_name.clone()),
        created_date_time: date_time(key.registered()?),
        key_strength: key.strength(),
        device: None,
    })
}

fn describe_device(device: &Device) -> Result<GraphDevice, Broken> {
    let joined = Timestamp::from_second(device.created).map_err(|_| Broken::Encoding)?;
    Ok(GraphDevice {
        id: object_id(device.id).to_string(),
        device_id: device.id.to_string(),
        display_name: device.display_name.clone(),
        account_enabled: device.enabled,
        operating_system: device.os.clone(),
        operating_system_version: device.os_version.clone(),
        trust_type: device.trust_type.clone(),
        registration_date_time: date_time(joined),
    })
}

fn date_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Ours: Entra draws the object's id; here it is made from the device's, so that a client which mixes the two up is noticed.
fn object_id(device: Uuid) -> Uuid {
    let digest = sha256(&[b"object of the device ", &device.as_bytes()[..]].concat());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
