//! Whether the audit log would show the use of a decoy: asked with one harmless request, where the log is at hand.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use memchr::memmem;
use serde_json::{Value, json};
use sundew_bait::announce::{About, Client, announce, withdraw};
use sundew_cluster::{Connection, ObjectKey};
use sundew_decoy::Decoy;
use sundew_detect::Purpose;
use sundew_sensor::config::SourceConfig;

use super::Books;

/// How long the event may take to be in the log.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long the request stays announced.
const ANNOUNCED: Duration = Duration::from_secs(60);

/// What a probe found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Logged {
    /// A request about the account stood in the log.
    Yes { log: PathBuf, seconds: f64 },
    /// It did not.
    No { log: PathBuf },
    /// It could not be asked.
    Unknown { why: String },
}

impl Logged {
    pub(super) fn said(&self) -> String {
        match self {
            Self::Yes { log, seconds } => {
                format!("yes: a request about the account was in {} after {seconds:.2} s", log.display())
            }
            Self::No { log } => format!(
                "no: a request about the account was not in {} within {} s. Until the audit policy logs it \
                 (docs/audit-policy.md), only a source of type `cluster` will tell of a use, and not by whom",
                log.display(),
                PATIENCE.as_secs()
            ),
            Self::Unknown { why } => format!("not known: {why}; `sundew drill` will tell"),
        }
    }

    pub(super) fn as_json(&self) -> Value {
        match self {
            Self::Yes { log, seconds } => json!({"logged": true, "log": log, "seconds": seconds}),
            Self::No { log } => json!({"logged": false, "log": log}),
            Self::Unknown { why } => json!({"logged": null, "why": why}),
        }
    }
}

/// Asks for the account that is not there yet, and looks for that request in the log of a `file` source.
pub(super) async fn probe(connection: &Connection, decoy: &Decoy, books: &Books) -> Logged {
    let Some(log) = log_at_hand(books) else {
        return Logged::Unknown { why: "no audit log is at hand here".into() };
    };
    look_for(connection, decoy, books, &log)
        .await
        .unwrap_or_else(|why| Logged::Unknown { why: format!("{}: {why}", log.display()) })
}

async fn look_for(
    connection: &Connection,
    decoy: &Decoy,
    books: &Books,
    log: &Path,
) -> Result<Logged, String> {
    let mut tail = Tail::open(log).map_err(|error| error.to_string())?;
    let name = decoy.name();
    let about = About::decoy(&books.cluster, &name);
    let nonce = announce(books.store(), Purpose::Planting, about, ANNOUNCED, connection.now());
    let nonce = nonce.map_err(|error| error.to_string())?;
    let account = ObjectKey {
        api_version: "v1".into(),
        kind: "ServiceAccount".into(),
        namespace: decoy.namespace.clone(),
        name: decoy.account.clone(),
    };
    let sent = Instant::now();
    // Whatever is answered, a refusal too, is an event.
    let _ = connection.hand(&Client::Kubectl.agent(&nonce)).metadata(&account).await;
    // What is not withdrawn ends by itself.
    let _ = withdraw(books.store(), &nonce, connection.now());
    loop {
        let late = sent.elapsed() >= PATIENCE;
        if tail.shows(nonce.as_bytes()).map_err(|error| error.to_string())? {
            return Ok(Logged::Yes { log: log.to_owned(), seconds: sent.elapsed().as_secs_f64() });
        }
        if late {
            return Ok(Logged::No { log: log.to_owned() });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The first log of the cluster that the configuration names and that can be read from here.
fn log_at_hand(books: &Books) -> Option<PathBuf> {
    let (_, config) = books.config.as_ref()?;
    let here = config.sources.iter().filter(|source| config.cluster_of(source) == books.cluster);
    let logs = here.filter_map(|source| match source {
        SourceConfig::File(file) => Some(&file.path),
        _ => None,
    });
    logs.into_iter().find(|path| File::open(path).is_ok()).cloned()
}

/// The end of a file that grows.
struct Tail {
    file: File,
    /// What could be the beginning of a match.
    carried: Vec<u8>,
}

impl Tail {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file, carried: Vec::new() })
    }

    /// Whether `wanted` is in what was appended since the last look.
    fn shows(&mut self, wanted: &[u8]) -> io::Result<bool> {
        let mut piece = vec![0; 1 << 16];
        loop {
            let read = self.file.read(&mut piece)?;
            if read == 0 {
                return Ok(false);
            }
            self.carried.extend_from_slice(&piece[..read]);
            if memmem::find(&self.carried, wanted).is_some() {
                return Ok(true);
            }
            let spent = (self.carried.len() + 1).saturating_sub(wanted.len());
            self.carried.drain(..spent);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::Tail;

    #[test]
    fn a_word_is_found_in_what_is_appended_and_nowhere_else_also_where_it_comes_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        std::fs::write(&path, "before: abcdef\n").unwrap();
        let mut tail = Tail::open(&path).unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        assert!(!tail.shows(b"abcdef").unwrap());
        file.write_all(b"x abc").unwrap();
        assert!(!tail.shows(b"abcdef").unwrap());
        file.write_all(b"def y").unwrap();
        assert!(tail.shows(b"abcdef").unwrap());
    }
}
