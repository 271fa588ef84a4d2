//! Files that users add to what is built in: risks, exceptions, personas.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use sundew_decoy::yaml;

/// The files that the paths name; of folders those that end in .yaml or .yml, by name. `what` they hold is said in
/// errors, as `risks`.
pub(crate) fn files(paths: &[PathBuf], what: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let cannot = || format!("cannot read the {what} in {}", path.display());
        if !fs::metadata(path).with_context(cannot)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(path).with_context(cannot)? {
            let file = entry.with_context(cannot)?.path();
            if file.extension().is_some_and(|of| of == "yaml" || of == "yml") && file.is_file() {
                found.push(file);
            }
        }
        if found.is_empty() {
            bail!("the folder {} has no {what}: no .yaml or .yml", path.display());
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

/// A settings file as text.
pub(crate) fn text(path: &Path) -> Result<String> {
    let shown = path.display();
    let size = fs::metadata(path).with_context(|| format!("cannot read {shown}"))?.len();
    if size > yaml::MAX_BYTES {
        bail!("{shown} has {size} bytes, over the limit of {}", yaml::MAX_BYTES);
    }
    fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))
}
