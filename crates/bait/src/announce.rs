//! Announces Sundew's own touches to the sensor that watches: a nonce in the user agent that only the store knows.

use std::{fmt::Write as _, path::Path, thread, time::Duration};

use jiff::{SignedDuration, Timestamp};
use sundew_cluster::Connection;
use sundew_detect::{Purpose, Rehearsal};
use sundew_store::{Store, StoreError};

use crate::BaitError;

/// How far clocks that should agree may differ, either way. A finding has the API server's time, and the sensor lets an
/// announcement go by its own: where the server's is known to differ by more, the announcement holds by both.
const SKEW: SignedDuration = SignedDuration::from_secs(120);

/// How often a store is tried that another has locked, or is only just making. The store waits for 5 s each time.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// The user agent of one client, with the nonce in a place where such clients have letters and digits of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// `kubectl/v1.36.2 (linux/amd64) kubernetes/NONCE`.
    Kubectl,
    /// `curl/8.14.1 NONCE`.
    Curl,
    /// `python-requests/2.32.5 NONCE`.
    Python,
}

impl Client {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubectl => "kubectl",
            Self::Curl => "curl",
            Self::Python => "python-requests",
        }
    }

    /// The user agent with this nonce in it.
    pub fn agent(self, nonce: &str) -> String {
        match self {
            Self::Kubectl => format!("kubectl/v1.36.2 (linux/amd64) kubernetes/{nonce}"),
            Self::Curl => format!("curl/8.14.1 {nonce}"),
            Self::Python => format!("python-requests/2.32.5 {nonce}"),
        }
    }
}

/// Announces to the store at `store` (made if it is not there yet) that `decoy` (`NAMESPACE/ACCOUNT`) will be touched
/// for `purpose` from now on for `time`, and gives the nonce: 40 hexadecimal digits that nobody can guess. Where there
/// is no store, nobody watches: then the nonce is announced to nobody. `server` is what the API server's clock shows,
/// where that is known: events have its time.
///
/// Waits for a store that another program has locked: not for an async thread.
///
/// # Errors
///
/// Where the store cannot be written.
pub fn announce(
    store: Option<&Path>,
    purpose: Purpose,
    decoy: &str,
    time: Duration,
    server: Option<Timestamp>,
) -> Result<String, BaitError> {
    let nonce = nonce()?;
    let Some(path) = store else { return Ok(nonce) };
    let here = Timestamp::now();
    let server = server.unwrap_or(here);
    let rehearsal = Rehearsal {
        nonce,
        purpose,
        decoy: decoy.to_owned(),
        not_before: here.min(server).saturating_sub(SKEW).unwrap_or(Timestamp::MIN),
        not_after: here
            .max(server)
            .saturating_add(time)
            .and_then(|end| end.saturating_add(SKEW))
            .unwrap_or(Timestamp::MAX),
        used: 0,
    };
    let mut tries = 1;
    loop {
        match write_down(path, &rehearsal) {
            Ok(true) => return Ok(rehearsal.nonce),
            // 160 random bits that stand there already are no chance.
            Ok(false) => {
                return Err(BaitError::Wrong("the system's random numbers repeat; restart it".to_owned()));
            }
            Err(error) if tries < TRIES && passes(&error) => {
                tracing::debug!(%error, "the store is tried again");
                tries += 1;
                thread::sleep(PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// As [`announce`], from an async thread, by the clock of the server that `connection` leads to.
pub(crate) async fn announced(
    connection: &Connection,
    store: Option<&Path>,
    purpose: Purpose,
    decoy: &str,
    time: Duration,
) -> Result<String, BaitError> {
    let (store, decoy) = (store.map(Path::to_owned), decoy.to_owned());
    let server = connection.now();
    let told = tokio::task::spawn_blocking(move || announce(store.as_deref(), purpose, &decoy, time, server));
    told.await.map_err(|_| BaitError::Wrong("the touch could not be announced to the store".to_owned()))?
}

fn write_down(path: &Path, rehearsal: &Rehearsal) -> Result<bool, StoreError> {
    let mut store = if path.exists() { Store::open_beside(path)? } else { Store::open(path)?.0 };
    store.add_rehearsal(rehearsal)
}

/// Also where a sensor began to make the store in the same moment: it owns the file, or has not written its schema yet.
fn passes(error: &StoreError) -> bool {
    error.is_temporary() || matches!(error, StoreError::Owned { .. } | StoreError::TooOld { found: 0, .. })
}

fn nonce() -> Result<String, BaitError> {
    let mut bytes = [0; 20];
    fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::with_capacity(40), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Bytes that nobody can guess.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), BaitError> {
    aws_lc_rs::rand::fill(bytes)
        .map_err(|_| BaitError::Wrong("the system gives no random numbers; try again".to_owned()))
}
