//! Announces Sundew's own touches to the sensor that watches: a nonce in the user agent that only the store knows.

use std::{fmt::Write as _, path::Path, thread, time::Duration};

use jiff::{SignedDuration, Timestamp};
use sundew_cluster::Connection;
use sundew_detect::{Purpose, Rehearsal, Seen};
use sundew_store::{Store, StoreError};

use crate::BaitError;

/// How far clocks that should agree may differ, either way. A finding has the API server's time, and the sensor lets an
/// announcement go by its own: where the server's is known to differ by more, the announcement holds by both.
const SKEW: SignedDuration = SignedDuration::from_secs(120);

/// How far the server's clock may be from what its answers say: they name whole seconds, and are a moment old.
const SERVER_SLACK: SignedDuration = SignedDuration::from_secs(5);

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

/// What will be touched.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The cluster, as the inventory names it.
    pub cluster: &'a str,
    /// `NAMESPACE/ACCOUNT`.
    pub decoy: &'a str,
    /// The Secret of the copy that will be used, in the decoy's namespace; none where the decoy as a whole is meant.
    pub secret: Option<&'a str>,
    /// For how long from now on somebody waits for what comes of it: before, it is not missed.
    pub patience: Duration,
}

impl<'a> About<'a> {
    /// The decoy as a whole, and nobody waits.
    pub fn decoy(cluster: &'a str, decoy: &'a str) -> Self {
        Self { cluster, decoy, secret: None, patience: Duration::ZERO }
    }
}

/// Announces to the store at `store` (made if it is not there yet) that a decoy will be touched for `purpose` from now
/// on for `time`, and gives the nonce: 40 hexadecimal digits that nobody can guess. Where there is no store, nobody
/// watches: then the nonce is announced to nobody. `server` is what the API server's clock shows, where that is known:
/// events have its time. What is done before that time is over calls [`withdraw`].
///
/// Waits for a store that another program has locked: not for an async thread.
///
/// # Errors
///
/// Where the store cannot be written.
pub fn announce(
    store: Option<&Path>,
    purpose: Purpose,
    about: About<'_>,
    time: Duration,
    server: Option<Timestamp>,
) -> Result<String, BaitError> {
    let nonce = nonce()?;
    let Some(path) = store else { return Ok(nonce) };
    let here = Timestamp::now();
    let (first, last) = both(here, server);
    let later = |moment: Timestamp, by: Duration| moment.saturating_add(by).unwrap_or(Timestamp::MAX);
    let rehearsal = Rehearsal {
        nonce,
        purpose,
        cluster: about.cluster.to_owned(),
        decoy: about.decoy.to_owned(),
        secret: about.secret.map(str::to_owned),
        not_before: first.saturating_sub(SKEW).unwrap_or(Timestamp::MIN),
        not_after: later(last, time.saturating_add(SKEW.unsigned_abs())),
        // The one who looks for what was missed goes by the clock of this side.
        awaited: (!about.patience.is_zero()).then(|| later(here, about.patience)),
        used: 0,
        seen: Seen::default(),
    };
    match patiently(|| write_down(path, &rehearsal))? {
        true => Ok(rehearsal.nonce),
        // 160 random bits that stand there already are no chance.
        false => Err(BaitError::Wrong("the system's random numbers repeat; restart it".to_owned())),
    }
}

/// Ends what was announced under `nonce`: what is done from now on shows no more than anybody's nonce. What was done
/// before, and is read later, is still judged by it.
///
/// Waits for a store that another program has locked: not for an async thread.
///
/// # Errors
///
/// Where the store cannot be written; then the announcement ends at its time.
pub fn withdraw(store: Option<&Path>, nonce: &str, server: Option<Timestamp>) -> Result<(), BaitError> {
    let Some(path) = store else { return Ok(()) };
    // Where the server's clock is not known, it may be ahead by as much as clocks are.
    let slack = if server.is_some() { SERVER_SLACK } else { SKEW };
    let (_, last) = both(Timestamp::now(), server);
    let end = last.saturating_add(slack).unwrap_or(Timestamp::MAX);
    patiently(|| Store::open_beside(path)?.withdraw_rehearsal(nonce, end))?;
    Ok(())
}

/// As [`announce`], from an async thread, by the clock of the server that `connection` leads to.
pub(crate) async fn announced(
    connection: &Connection,
    store: Option<&Path>,
    purpose: Purpose,
    about: About<'_>,
    time: Duration,
) -> Result<String, BaitError> {
    let About { patience, .. } = about;
    let (store, cluster, decoy) =
        (store.map(Path::to_owned), about.cluster.to_owned(), about.decoy.to_owned());
    let secret = about.secret.map(str::to_owned);
    let server = connection.now();
    let told = tokio::task::spawn_blocking(move || {
        let about = About { cluster: &cluster, decoy: &decoy, secret: secret.as_deref(), patience };
        announce(store.as_deref(), purpose, about, time, server)
    });
    told.await.map_err(|_| BaitError::Wrong("the touch could not be announced to the store".to_owned()))?
}

/// As [`withdraw`], from an async thread, by the clock of the server that `connection` leads to. What cannot be
/// withdrawn ends by itself, so nothing fails by it.
pub(crate) async fn withdrawn(connection: &Connection, store: Option<&Path>, nonce: &str) {
    let (store, nonce) = (store.map(Path::to_owned), nonce.to_owned());
    let server = connection.now();
    let ended = tokio::task::spawn_blocking(move || withdraw(store.as_deref(), &nonce, server)).await;
    if let Ok(Err(error)) = ended {
        tracing::warn!(%error, "an announcement could not be withdrawn; it ends by itself");
    }
}

/// The earlier and the later of two clocks.
fn both(here: Timestamp, server: Option<Timestamp>) -> (Timestamp, Timestamp) {
    let server = server.unwrap_or(here);
    (here.min(server), here.max(server))
}

/// Tries again what another program's lock was in the way of.
fn patiently<T>(mut work: impl FnMut() -> Result<T, StoreError>) -> Result<T, BaitError> {
    let mut tries = 1;
    loop {
        match work() {
            Err(error) if tries < TRIES && passes(&error) => {
                tracing::debug!(%error, "the store is tried again");
                tries += 1;
                thread::sleep(PAUSE);
            }
            done => return Ok(done?),
        }
    }
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
