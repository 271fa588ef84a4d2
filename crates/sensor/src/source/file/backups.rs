//! The rotated backups of a log: their names, their order, and how each is opened.
//!
//! The API server renames `audit.log` to `audit-2026-11-20T21-33-11.123.log`, stamped with the UTC time of the
//! rotation, and compresses it to the same name with `.gz` if told to. The stamps sort as text.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;

/// How often the folder is listed until two listings agree. A listing is no snapshot: a file that is renamed or
/// compressed meanwhile may be in it twice or not at all.
const LISTINGS: usize = 5;

/// How a backup is stored; in order of preference. The compressed file appears before the plain one goes, and is
/// not complete until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Plain,
    Gzip,
    Zstd,
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Backup {
    /// The time in its name.
    pub(super) stamp: String,
    pub(super) form: Form,
    pub(super) path: PathBuf,
}

/// The backups of the log at `real`, oldest first, each in its preferred form.
pub(super) fn list(real: &Path) -> io::Result<Vec<Backup>> {
    let mut last = list_once(real)?;
    for _ in 1..LISTINGS {
        let next = list_once(real)?;
        if next == last {
            break;
        }
        last = next;
    }
    last.dedup_by(|later, earlier| later.stamp == earlier.stamp);
    Ok(last)
}

fn list_once(real: &Path) -> io::Result<Vec<Backup>> {
    let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else { return Ok(Vec::new()) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut backups = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(candidate) = path.file_name() else { continue };
        if let Some((stamp, form)) = parse(name.as_bytes(), candidate.as_bytes()) {
            backups.push(Backup { stamp, form, path });
        }
    }
    backups.sort();
    Ok(backups)
}

/// Reads `candidate` as the name of a backup of the log `name`.
fn parse(name: &[u8], candidate: &[u8]) -> Option<(String, Form)> {
    let dot = name.iter().rposition(|&byte| byte == b'.').unwrap_or(name.len());
    let (stem, extension) = name.split_at(dot);
    let (candidate, form) = if let Some(plain) = candidate.strip_suffix(b".gz") {
        (plain, Form::Gzip)
    } else if let Some(plain) = candidate.strip_suffix(b".zst") {
        (plain, Form::Zstd)
    } else {
        (candidate, Form::Plain)
    };
    let stamp = candidate.strip_prefix(stem)?.strip_prefix(b"-")?.strip_suffix(extension)?;
    is_stamp(stamp).then(|| (String::from_utf8_lossy(stamp).into_owned(), form))
}

/// `2026-11-20T21-33-11.123`
fn is_stamp(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00-00-00.000";
    text.len() == SHAPE.len()
        && text.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

/// Opens what must be a regular file. Opening a pipe would block, and reading a folder fails in less clear words.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file; name the log file itself"));
    }
    File::open(path)
}

/// Reads what was compressed.
pub(super) fn unpack(file: File, form: Form) -> io::Result<Box<dyn Read + Send>> {
    let file = BufReader::new(file);
    Ok(match form {
        Form::Plain => Box::new(file),
        Form::Gzip => Box::new(MultiGzDecoder::new(file)),
        Form::Zstd => Box::new(zstd::Decoder::with_buffer(file)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_backups_are_told_from_other_names() {
        let stamp = "2026-11-20T21-33-11.123".to_owned();
        let parsed = |name: &str, candidate: &str| parse(name.as_bytes(), candidate.as_bytes());
        let plain = parsed("audit.log", "audit-2026-11-20T21-33-11.123.log");
        assert_eq!(plain, Some((stamp.clone(), Form::Plain)));
        let gzip = parsed("audit.log", "audit-2026-11-20T21-33-11.123.log.gz");
        assert_eq!(gzip, Some((stamp.clone(), Form::Gzip)));
        let zstd = parsed("audit.log", "audit-2026-11-20T21-33-11.123.log.zst");
        assert_eq!(zstd, Some((stamp.clone(), Form::Zstd)));
        assert_eq!(parsed("audit", "audit-2026-11-20T21-33-11.123"), Some((stamp.clone(), Form::Plain)));
        assert_eq!(
            parsed("k8s.audit.log", "k8s.audit-2026-11-20T21-33-11.123.log"),
            Some((stamp, Form::Plain))
        );
        for other in [
            "audit.log",
            "audit-2026-11-20T21-33-11.123",
            "audit-2026-11-20T21-33-11.log",
            "audit-2026-11-20T21-33-11.12x.log",
            "audit-2026-11-20T21-33-11.123.log.bz2",
            "audit-2026-11-20T21-33-11.123.log.gz.tmp",
            "audit-eu-2026-11-20T21-33-11.123.log",
            "old-audit-2026-11-20T21-33-11.123.log",
            "audit-.log",
        ] {
            assert_eq!(parsed("audit.log", other), None, "{other}");
        }
    }
}
