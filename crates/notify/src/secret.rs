//! Secrets of sinks: where they are read from, and a type that never shows what it holds.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::{error::SinkError, sink::DeliveryError};

/// More than any URL or key; a larger file is a mistake in the configuration.
const MAX_BYTES: u64 = 64 * 1024;

/// Text that must not be seen: a webhook's URL, a key, a header's value. `Debug` prints `[hidden]`; the memory is
/// overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text itself. Never for a log or an error.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// How to look up a variable of the environment.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where a secret comes from.
#[derive(Debug, Clone)]
pub(crate) enum SecretSource {
    /// A file, read again for each delivery so that a changed secret takes hold without a restart.
    File {
        /// The configuration's name for it, such as `urlFile`.
        field: &'static str,
        path: PathBuf,
    },
    /// A value that does not change while the program runs.
    Fixed(Secret),
}

impl SecretSource {
    /// A file, checked now: it can be read and holds something. Warns where everybody can read it.
    pub(crate) fn file(sink: &str, field: &'static str, path: &Path) -> Result<Self, SinkError> {
        read(path).map_err(|why| SinkError::SecretFile {
            sink: sink.to_owned(),
            field,
            path: path.to_owned(),
            why: why.to_string(),
        })?;
        warn_if_open(sink, field, path);
        Ok(Self::File { field, path: path.to_owned() })
    }

    /// A variable of the environment, read now.
    pub(crate) fn env(
        sink: &str,
        field: &'static str,
        variable: &str,
        env: Env<'_>,
    ) -> Result<Self, SinkError> {
        let missing = || SinkError::Env { sink: sink.to_owned(), field, variable: variable.to_owned() };
        let value = Zeroizing::new(env(variable).ok_or_else(missing)?);
        let trimmed = trim(&value);
        if trimmed.is_empty() {
            return Err(missing());
        }
        Ok(Self::Fixed(trimmed.to_owned().into()))
    }

    /// The secret as it stands now. Blocks for as long as reading a small file takes.
    pub(crate) fn current(&self) -> Result<Secret, DeliveryError> {
        match self {
            Self::Fixed(secret) => Ok(secret.clone()),
            Self::File { field, path } => read(path).map_err(|why| {
                DeliveryError::retry(format!("cannot read {field} {}: {why}", path.display()))
            }),
        }
    }
}

fn read(path: &Path) -> io::Result<Secret> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 64 KiB"));
    }
    let trimmed = trim(&text);
    if trimmed.is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    Ok(trimmed.to_owned().into())
}

/// Editors and `echo` end a file with a line break that is no part of the secret.
fn trim(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

fn warn_if_open(sink: &str, field: &'static str, path: &Path) {
    let Ok(metadata) = fs::metadata(path) else { return };
    // A group may read it: that is how a pod that is not root is given a mounted Secret.
    if metadata.permissions().mode() & 0o027 != 0 {
        tracing::warn!(sink, field, path = %path.display(), "everybody can read this secret, or its group can change it; chmod it to 0600");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn the_line_break_at_the_end_is_no_part_of_the_secret() {
        let file = written(" key with spaces \r\n");
        let source = SecretSource::file("ops", "secretFile", file.path()).unwrap();
        assert_eq!(source.current().unwrap().expose(), " key with spaces ");
    }

    #[test]
    fn a_changed_file_is_seen_by_the_next_read() {
        let file = written("old");
        let source = SecretSource::file("ops", "secretFile", file.path()).unwrap();
        fs::write(file.path(), "new\n").unwrap();
        assert_eq!(source.current().unwrap().expose(), "new");
    }

    #[test]
    fn an_empty_a_missing_and_an_endless_file_are_refused_by_name() {
        let empty = written("\n");
        let huge = written(&"x".repeat(70_000));
        for (path, reason) in [
            (empty.path(), "it is empty"),
            (huge.path(), "larger than 64 KiB"),
            (Path::new("/nonexistent/url"), "No such file"),
            (Path::new("/dev/zero"), "not a regular file"),
        ] {
            let error = SecretSource::file("ops", "urlFile", path).unwrap_err().to_string();
            assert!(error.contains("ops") && error.contains("urlFile"), "{error}");
            assert!(error.contains(&path.display().to_string()) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let error = SecretSource::env("ops", "urlEnv", "HOOK", &|_| None).unwrap_err().to_string();
        assert!(error.contains("HOOK") && error.contains("urlEnv"), "{error}");
    }

    #[test]
    fn debug_shows_nothing() {
        let source = SecretSource::env("ops", "urlEnv", "HOOK", &|_| Some("https://x/hush".into())).unwrap();
        assert_eq!(format!("{source:?}"), "Fixed([hidden])");
    }
}
