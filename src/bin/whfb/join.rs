//! `whfb join`: a device becomes the tenant's.

use serde_json::json;
use whfb::device::join::Join;

use crate::args;
use crate::failure::Failure;
use crate::lab::Place;
use crate::opened::Opened;
use crate::output::Output;
use crate::{prompt, tenant};

pub(crate) fn run(join: &args::Join, place: &Place, output: &Output) -> Result<(), Failure> {
    let (name, dir) = place.choose(join.on.device.as_deref())?;
    let mut opened = Opened::open(&dir)?;
    let link = tenant::link(place)?;
    let password = prompt::secret("password", join.by.password_file.as_deref())?;
    let joined = opened.run(Join::new(&join.by.user, password), link.as_ref())?;
    let text = format!(
        "{name} joined {}\n  device id  {}\n  keys in    {}\n  certificate {} until {}",
        joined.tenant_name,
        joined.device_id,
        joined.provider.name(),
        joined.thumbprint,
        joined.valid_to
    );
    output.answer(&text, &json!({"ok": true, "device": name, "joined": joined}));
    Ok(())
}
