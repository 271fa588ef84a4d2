//! The file sink: appends each message to a file, and says `Ok` only once it is on the disk.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write},
    os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    config::{FileConfig, FileFormat},
    error::SinkError,
    message::Message,
    plain::render_text,
    sink::{DeliveryError, Sink},
};

/// Appends to a file.
pub(crate) struct FileSink {
    name: String,
    format: FileFormat,
    target: Arc<Mutex<Target>>,
}

impl FileSink {
    pub(crate) fn new(config: &FileConfig) -> Result<Self, SinkError> {
        check(&config.path).map_err(|why| SinkError::Path {
            sink: config.name.clone(),
            path: config.path.clone(),
            why: why.to_string(),
        })?;
        let target = Target { path: config.path.clone(), open: None };
        Ok(Self { name: config.name.clone(), format: config.format, target: Arc::new(Mutex::new(target)) })
    }

    fn render(&self, message: &Message) -> Result<Vec<u8>, DeliveryError> {
        match self.format {
            FileFormat::Text => Ok(render_text(message).into_bytes()),
            FileFormat::Json => {
                let mut line = serde_json::to_vec(message)
                    .map_err(|why| DeliveryError::refused(format!("cannot write it as JSON: {why}")))?;
                line.push(b'\n');
                Ok(line)
            }
        }
    }
}

#[async_trait]
impl Sink for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "file"
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let bytes = self.render(message)?;
        let target = Arc::clone(&self.target);
        let append = move || {
            // A panic while the lock was held leaves no state that the next append does not check anew.
            target.lock().unwrap_or_else(PoisonError::into_inner).append(&bytes)
        };
        match tokio::task::spawn_blocking(append).await {
            Ok(appended) => appended,
            Err(why) => Err(DeliveryError::retry(format!("writing was cut short: {why}"))),
        }
    }
}

/// The file and its handle.
struct Target {
    path: PathBuf,
    open: Option<File>,
}

impl Target {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DeliveryError> {
        let path = self.path.display().to_string();
        let file = self
            .current()
            .map_err(|why| DeliveryError::retry(format!("cannot open {path}: {}", reason(&why))))?;
        // Without the lock, undoing a half-written line could cut off what another process wrote after it.
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let why = format!("another program holds the lock on {path}");
                return Err(DeliveryError::Retry { after: Some(Duration::from_secs(1)), why });
            }
            // Some network file systems have no locks; one writer is the rule.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let written = append_whole(file, bytes);
        let _ = file.unlock();
        written.map_err(|why| {
            // The next try looks at the file anew.
            self.open = None;
            DeliveryError::retry(format!("cannot write to {path}: {}", reason(&why)))
        })
    }

    /// The file that the path names now, which after a rotation is another one than before.
    fn current(&mut self) -> io::Result<&File> {
        let file = match self.open.take() {
            Some(file) if is_at(&file, &self.path) => file,
            _ => open(&self.path)?,
        };
        Ok(self.open.insert(file))
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => inode(held) == inode(named),
        _ => false,
    }
}

fn open(path: &Path) -> io::Result<File> {
    check(path)?;
    let is_new = !path.exists();
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    if is_new {
        // The entry in the folder must survive a crash as well.
        File::open(folder(path))?.sync_all()?;
    }
    Ok(file)
}

fn check(path: &Path) -> io::Result<()> {
    if !folder(path).is_dir() {
        let why = format!("its folder {} does not exist; create it first", folder(path).display());
        return Err(io::Error::new(ErrorKind::NotFound, why));
    }
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::Error::other("it is a folder; name a file in it")),
        // Opening a pipe that nobody reads would wait for ever.
        Ok(found) if !found.is_file() && !found.file_type().is_char_device() => {
            Err(io::Error::other("it is neither a file nor a character device"))
        }
        _ => Ok(()),
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Appends all of `bytes` or, as far as the disk allows, nothing; on `Ok` it is on the disk.
fn append_whole(file: &File, bytes: &[u8]) -> io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return (&*file).write_all(bytes);
    }
    let before = metadata.len();
    let bytes = match ends_mid_line(file, before)? {
        // Cut short by a crash. What is there stays, and the new line does not become part of it.
        true => &[b"\n", bytes].concat(),
        false => bytes,
    };
    write_or_undo(&mut &*file, bytes, || file.set_len(before))?;
    file.sync_data()
}

fn ends_mid_line(file: &File, length: u64) -> io::Result<bool> {
    let Some(last) = length.checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != [b'\n'])
}

fn write_or_undo(
    file: &mut impl Write,
    bytes: &[u8],
    undo: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let Err(why) = file.write_all(bytes) else { return Ok(()) };
    match undo() {
        Ok(()) => Err(why),
        Err(also) => {
            Err(io::Error::new(why.kind(), format!("{why}; half a line may be left in it ({also})")))
        }
    }
}

/// What the error means for whoever has to mend it.
fn reason(why: &io::Error) -> String {
    match why.kind() {
        ErrorKind::StorageFull => format!("the disk is full ({why})"),
        ErrorKind::QuotaExceeded => format!("the quota is used up ({why})"),
        ErrorKind::PermissionDenied => format!("this program may not write there ({why})"),
        ErrorKind::ReadOnlyFilesystem => format!("the file system is read-only ({why})"),
        _ => why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes some bytes, then runs out of room, as a disk does.
    struct Filling<'a> {
        file: &'a File,
        room: usize,
    }

    impl Write for Filling<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            let n = self.file.write(&bytes[..self.room.min(bytes.len())])?;
            self.room -= n;
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn half_a_line_is_taken_back_when_the_disk_fills_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.json");
        let file = open(&path).unwrap();
        append_whole(&file, b"first\n").unwrap();
        let mut disk = Filling { file: &file, room: 4 };
        let error = write_or_undo(&mut disk, b"second\n", || file.set_len(6)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"first\n");
        append_whole(&file, b"second\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first\nsecond\n");
    }
}
