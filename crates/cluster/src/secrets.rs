//! Watches single Secrets by name, their metadata alone: the API server notes there that a token was used.

use std::borrow::Cow;

use http::Method;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::{
    Agent, Connection, ObjectKey, Reason,
    ask::{Asker, METADATA_OF_ONE, Patience, Refusal},
    trouble::{cut, where_broken},
    watch::{Event, Eye, State, Stop, Target, keep_watching, tell},
};

/// The most bytes that a Secret's metadata may have: labels and annotations are bounded at 256 KiB each
/// (validation/objectmeta.go), and the managed fields repeat their names.
const LIMIT: usize = 2 << 20;

/// A Secret, as its metadata says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSeen {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its version, for a patch that must not undo somebody else's.
    pub resource_version: String,
    /// When it was made.
    pub created: String,
    /// The label `kubernetes.io/legacy-token-last-used`, a day.
    pub last_used: Option<String>,
    /// The label `kubernetes.io/legacy-token-invalid-since`, a day.
    pub invalid_since: Option<String>,
}

/// What the watch tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretNews {
    /// It is there, and looks so: at the start, and after each change.
    Seen(SecretSeen),
    /// It is not there: at the start, or because it was deleted.
    Gone,
    /// It cannot be watched at the moment; told once until it can be again, and anew where the reason is another.
    Trouble(Reason),
    /// It can be watched again, or for the first time.
    Watching,
}

/// Watches one Secret until `tell` is closed or this is dropped: get, then watch by field selector, again after each
/// end, after 410 from the beginning, with patience after errors. Needs get and watch on that name alone.
///
/// What cannot be watched is still looked at, at most every 30 s. In the long run not more than one request a second
/// is sent, whatever the server does.
pub async fn watch_secret(
    connection: Connection,
    agent: Agent,
    namespace: String,
    name: String,
    tell: mpsc::Sender<SecretNews>,
) {
    let key = ObjectKey { api_version: "v1".into(), kind: "Secret".into(), namespace, name };
    let (Ok(path), Ok(all)) = (key.path(&Method::GET), key.list_path(&Method::GET)) else {
        let message = "no Secret can have this name".into();
        // Whoever does not listen need not know.
        let _ = tell.send(SecretNews::Trouble(Reason::Refused { status: 404, message })).await;
        return;
    };
    let asker = connection.asker_as(agent);
    // The watch has patience of its own, and trouble is to be told soon.
    let looking =
        Asker { patience: Patience { retries: 0, ..asker.patience }, known_good: false, ..asker.clone() };
    let field_selector = Some(format!("metadata.name={}", key.name));
    let target = Target { path: all, field_selector, accept: METADATA_OF_ONE, limit: LIMIT };
    let closed = tell.clone();
    let eye = SecretEye { asker: looking, path, key, tell, told: None };
    tokio::select! {
        () = closed.closed() => {}
        () = keep_watching(asker, target, eye) => {}
    }
}

struct SecretEye {
    asker: Asker,
    path: String,
    key: ObjectKey,
    tell: mpsc::Sender<SecretNews>,
    /// What was told last: none before; then the Secret, where it was there.
    told: Option<Option<SecretSeen>>,
}

impl Eye for SecretEye {
    async fn look(&mut self) -> Result<Option<String>, Stop> {
        let bytes = match self.asker.get(&self.path, METADATA_OF_ONE, LIMIT).await {
            Ok(bytes) => bytes,
            Err(Refusal::NotFound { .. }) => {
                self.now(None).await?;
                return Ok(None);
            }
            Err(refusal) => return Err(Stop::Failed(refusal.into_reason(LIMIT))),
        };
        let seen = read(&bytes).map_err(Stop::Failed)?;
        let version = seen.resource_version.clone();
        self.now(Some(seen)).await?;
        Ok(Some(version))
    }

    async fn heed(&mut self, event: Event<'_>) -> Result<Option<String>, Stop> {
        let (object, there) = match event {
            Event::There(object) => (object, true),
            Event::Gone(object) => (object, false),
            Event::Bookmark(version) => return Ok(Some(version)),
        };
        let seen = read(object.get().as_bytes()).map_err(Stop::Failed)?;
        let version = seen.resource_version.clone();
        // A server that does not know the selector sends all.
        if seen.name == self.key.name && seen.namespace == self.key.namespace {
            self.now(there.then_some(seen)).await?;
        }
        Ok(Some(version))
    }

    async fn tell(&mut self, state: State) -> Result<(), Stop> {
        let news = match state {
            State::Works => SecretNews::Watching,
            State::Troubled(reason) => SecretNews::Trouble(reason),
        };
        tell(&self.tell, news).await
    }
}

impl SecretEye {
    /// Tells how it looks now, where that is news.
    async fn now(&mut self, seen: Option<SecretSeen>) -> Result<(), Stop> {
        if self.told.as_ref() == Some(&seen) {
            return Ok(());
        }
        self.told = Some(seen.clone());
        tell(&self.tell, seen.map_or(SecretNews::Gone, SecretNews::Seen)).await
    }
}

/// What is read: nothing of a value, even where there is one.
#[derive(Deserialize)]
struct Object<'o> {
    #[serde(borrow)]
    kind: Cow<'o, str>,
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    namespace: String,
    name: String,
    uid: String,
    resource_version: String,
    creation_timestamp: Option<String>,
    labels: Option<Labels>,
}

#[derive(Deserialize, Default)]
struct Labels {
    #[serde(rename = "kubernetes.io/legacy-token-last-used")]
    last_used: Option<String>,
    #[serde(rename = "kubernetes.io/legacy-token-invalid-since")]
    invalid_since: Option<String>,
}

fn read(bytes: &[u8]) -> Result<SecretSeen, Reason> {
    let object: Object<'_> =
        serde_json::from_slice(bytes).map_err(|error| Reason::Damaged { what: where_broken(&error) })?;
    match &*object.kind {
        "PartialObjectMetadata" => {}
        "Secret" => return Err(Reason::ValuesSent),
        other => {
            let what = format!("its kind is `{}` instead of `PartialObjectMetadata`", cut(other));
            return Err(Reason::Damaged { what });
        }
    }
    let Metadata { namespace, name, uid, resource_version, creation_timestamp, labels } = object.metadata;
    let Labels { last_used, invalid_since } = labels.unwrap_or_default();
    let created = creation_timestamp.unwrap_or_default();
    Ok(SecretSeen { namespace, name, uid, resource_version, created, last_used, invalid_since })
}
