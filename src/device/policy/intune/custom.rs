//! Custom profiles of OMA-URIs: `windows10CustomConfiguration`.

use serde_json::{Map, Value as Json};

use super::{member, name, plain, refused};
use crate::device::policy::PolicyFault;
use crate::device::policy::address::{self, Target, Tree, shorten};
use crate::device::policy::import::{Import, ImportFault};
use crate::device::policy::source::Source;

pub(super) fn read(object: &Map<String, Json>, tree: Tree) -> Result<Import, ImportFault> {
    let mut import =
        Import { source: Some(Source::IntuneProfile), name: name(object, "displayName")?, ..Import::default() };
    let settings = object.get("omaSettings").and_then(Json::as_array).ok_or_else(|| member("omaSettings", "a list"))?;
    for (index, setting) in settings.iter().enumerate() {
        let path = format!("omaSettings[{index}]");
        let uri = setting.get("omaUri").and_then(Json::as_str);
        let uri = uri.ok_or_else(|| member(&format!("{path}.omaUri"), "a text"))?;
        match address::parse(uri, tree).map_err(refused(&path))? {
            (_, Target::Elsewhere) => import.passed_over += 1,
            (_, Target::Branch) => return Err(refused(&path)(PolicyFault::UnknownNode(shorten(uri)))),
            (channel, Target::Leaf(node)) => {
                let value = setting.get("value").unwrap_or(&Json::Null);
                let value = plain(value, node, &path)?;
                import.put(channel, node, Some(value));
            }
        }
    }
    Ok(import)
}
