//! The inventory's bytes on the disk: found behind links, read, closed to others, and written whole.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use sundew_decoy::yaml::MAX_BYTES;

use crate::BaitError;

/// Owner alone.
pub(super) const PRIVATE: u32 = 0o600;

/// More links in a row than anybody makes: they go in a circle.
const MOST_LINKS: usize = 40;

/// The file itself, where `path` is a link to it, also if it is not there yet.
pub(super) fn behind_links(path: &Path) -> Result<PathBuf, BaitError> {
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&at) {
            Ok(target) => at = folder_of(&at).join(target),
            Err(_) => return Ok(at),
        }
    }
    Err(failed("find", path)(io::Error::other("its links go in a circle")))
}

/// The file's text; none where there is no file.
pub(super) fn read(path: &Path) -> Result<Option<String>, BaitError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path)(error)),
    };
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed("read", path))?;
    if text.len() as u64 > MAX_BYTES {
        let why = format!("it is larger than {MAX_BYTES} bytes, which no inventory is");
        return Err(failed("read", path)(io::Error::other(why)));
    }
    Ok(Some(text))
}

/// Takes everybody's access but the owner's away, and says so.
pub(super) fn close_to_others(path: &Path) {
    let Ok(meta) = fs::metadata(path) else { return };
    if meta.permissions().mode() & 0o077 == 0 {
        return;
    }
    match fs::set_permissions(path, Permissions::from_mode(PRIVATE)) {
        Ok(()) => tracing::warn!(
            file = %path.display(),
            "others could read the inventory, and whoever reads it can step around the bait; it was closed to them"
        ),
        // A Secret that is mounted into a pod has the modes that the pod gives it.
        Err(error) => tracing::warn!(
            file = %path.display(), %error,
            "others can read the inventory, and its mode could not be changed; chmod 600 it"
        ),
    }
}

/// Writes the file whole: whoever reads it meanwhile, or after a crash, has the old or the new one.
pub(super) fn write(path: &Path, text: &str) -> Result<(), BaitError> {
    let draft = beside(path, &format!(".{}.new", std::process::id()));
    let written = write_new(&draft, text).and_then(|()| fs::rename(&draft, path));
    if let Err(error) = written {
        // It may not be there at all.
        let _ = fs::remove_file(&draft);
        return Err(failed("write", path)(error));
    }
    // The file is whole under its name by now. Where power fails first, the old one comes back: no reason to say that
    // nothing was written.
    if let Err(error) = File::open(folder_of(path)).and_then(|folder| folder.sync_all()) {
        tracing::warn!(%error, file = %path.display(), "the inventory's folder could not be written to the disk");
    }
    Ok(())
}

/// Keeps `text` beside the file, under a name that is free.
pub(super) fn keep(path: &Path, text: &str) -> Result<PathBuf, BaitError> {
    for number in 0..1000 {
        let suffix = if number == 0 { ".bak".to_owned() } else { format!(".bak.{number}") };
        let name = beside(path, &suffix);
        match write_new(&name, text) {
            Ok(()) => return Ok(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed("write", &name)(error)),
        }
    }
    Err(failed("keep a copy of", path)(io::Error::other("there are a thousand; remove some")))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    // A run of the same process id that was killed may have left its draft.
    if path.extension().is_some_and(|extension| extension == "new") {
        let _ = fs::remove_file(path);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

pub(super) fn failed<'a>(what: &'static str, path: &'a Path) -> impl Fn(io::Error) -> BaitError + 'a {
    move |source| BaitError::File { what, path: path.to_owned(), source }
}
