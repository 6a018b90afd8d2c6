//! Secrets of the gateway's own, where the configuration says that they are kept.

use broker::Source;
use model::{Blame, Fault, Secret};
use private_file::Openness;

use crate::clock::environment;

/// Reads it out of the environment or a file that only its owner may read. `hint` says which key names the place. Error: there is
/// none, or it is in the vault, which whoever opened it is asked for.
pub fn kept_secret(source: &Source, hint: &'static str) -> Result<Secret<String>, Fault> {
    let missing = |said: String| Fault::new(Blame::Operator, "operator.password", said).hint(hint);
    match source {
        Source::Env(name) => {
            let value = environment(name);
            value.map(Secret::new).ok_or_else(|| missing(format!("the environment has no `{name}`")))
        }
        Source::File(path) => {
            let opened = private_file::open(path, Openness::Owner, KEPT_BYTES_MAX)?;
            let (open, about) = opened.ok_or_else(|| missing(format!("there is no file `{}`", path.display())))?;
            let content = private_file::content(path, open, &about)?;
            let text = std::str::from_utf8(content.expose())
                .map_err(|_| missing(format!("`{}` is not text", path.display())))?;
            Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
        }
        Source::Vault(_) => Err(missing("the vault is not open here".to_owned())),
    }
}

const KEPT_BYTES_MAX: u64 = 4 << 10;
