//! Looks at the objects of one decoy, one after the other.

use jiff::Timestamp;
use serde_json::Value;
use sundew_cluster::{Hand, HandError, ObjectKey};
use sundew_decoy::{Decoy, Object, Part, State, drift};

use super::{LastUse, Standing};

/// The day on which the API server last noted a use of the token.
const LAST_USED: &str = "kubernetes.io/legacy-token-last-used";
/// Since when the token is refused.
const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";

/// A look at one decoy.
pub(super) struct Looking<'l> {
    pub(super) hand: &'l Hand,
    pub(super) decoy: &'l Decoy,
    pub(super) standing: &'l mut Standing,
}

impl Looking<'_> {
    pub(super) async fn at_all(mut self, objects: &[Object]) {
        for object in objects {
            match self.fetch(object).await {
                Ok(Some(found)) => self.judge(object, &found),
                Ok(None) | Err(HandError::Missing { .. }) => self.not_there(object),
                Err(error) => self.standing.unread.push(error.to_string()),
            }
        }
    }

    /// Of a Secret the metadata alone: to read its values would be a touch by everybody's reckoning.
    async fn fetch(&self, object: &Object) -> Result<Option<Value>, HandError> {
        let key = ObjectKey {
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone().unwrap_or_default(),
            name: object.name.clone(),
        };
        if object.kind == "Secret" { self.hand.metadata(&key).await } else { self.hand.get(&key).await }
    }

    /// Whether the inventory's state wants the object to be there.
    fn is_wanted(&self, object: &Object) -> bool {
        match self.decoy.state {
            None | Some(State::Planting | State::Planted) => true,
            Some(State::Retired | State::Tombstoned) => matches!(object.part, Part::Account | Part::Token),
            Some(State::Removing) => false,
        }
    }

    fn not_there(&mut self, object: &Object) {
        if !self.is_wanted(object) {
            return;
        }
        let what = named(object);
        self.standing.missing.push(if self.decoy.state == Some(State::Planting) {
            format!("{what} was not made: planting was interrupted, and is taken up by planting again")
        } else {
            format!("{what} is gone: somebody deleted it")
        });
    }

    fn judge(&mut self, object: &Object, found: &Value) {
        let what = named(object);
        let uid = text(found, "/metadata/uid");
        match (&object.uid, uid) {
            (Some(ours), Some(uid)) if ours != uid => {
                if self.is_wanted(object) {
                    let by = last_change(found);
                    let why = format!(
                        "{what} is another object of that name now (uid {uid}{by}): somebody deleted the one that was made"
                    );
                    self.standing.missing.push(why);
                }
                return;
            }
            // With no uid nobody knows whose it is, unless it is of a decoy that was made by hand.
            (None, _) if self.decoy.state.is_some() => {
                let why = format!(
                    "{what} is there, and whether it is the decoy's is not known: planting was interrupted while it was made"
                );
                self.standing.unread.push(why);
                return;
            }
            _ => {}
        }
        if object.kind == "Secret" {
            self.note_use(object, found);
        }
        let drifted =
            if self.is_wanted(object) { self.changed(object, found) } else { Some(self.left(object)) };
        match drifted {
            Some(why) => self.standing.drifted.push(why),
            None => self.standing.intact += 1,
        }
    }

    /// What should be gone by now.
    fn left(&self, object: &Object) -> String {
        let (state, command) = match self.decoy.state {
            Some(State::Removing) => ("being removed", "remove"),
            _ => ("retired", "retire"),
        };
        let what = named(object);
        format!("{what} is still there although the decoy is {state}: run `sundew {command}` again")
    }

    /// What is other than it was made, in words.
    fn changed(&self, object: &Object, found: &Value) -> Option<String> {
        let what = named(object);
        let by = last_change(found);
        if text(found, "/metadata/deletionTimestamp").is_some() {
            return Some(format!("{what} is being deleted{by}"));
        }
        if object.part == Part::Token && object.kind == "Secret" {
            let invalid = label(found, INVALID_SINCE);
            match (self.decoy.state, invalid) {
                (Some(State::Tombstoned), None) => {
                    return Some(format!(
                        "{what} is no tombstone: its label {INVALID_SINCE} is missing{by}, so the token is taken"
                    ));
                }
                (Some(State::Planted | State::Retired), Some(since)) => {
                    return Some(format!("{what} was declared invalid on {since}{by}: its token is refused"));
                }
                _ => {}
            }
        }
        let now = drift::digest(found);
        let differs = object.digest.as_ref().is_some_and(|made| *made != now);
        differs.then(|| format!("{what} was changed since it was made{by}"))
    }

    /// Remembers the latest day of a use, with the placement.
    fn note_use(&mut self, object: &Object, found: &Value) {
        let Some(day) = label(found, LAST_USED) else { return };
        let placed = self.decoy.placements.iter().find(|p| p.secret.as_deref() == Some(&*object.name));
        let placement = placed.map_or_else(|| object.name.clone(), |placement| placement.label());
        // Days are written so that their order is that of the alphabet.
        if self.standing.last_used.as_ref().is_none_or(|latest| day > latest.day.as_str()) {
            self.standing.last_used = Some(LastUse { day: day.to_owned(), placement });
        }
    }
}

/// `KIND NAMESPACE/NAME`.
pub(super) fn named(object: &Object) -> String {
    match &object.namespace {
        Some(namespace) => format!("{} {namespace}/{}", object.kind, object.name),
        None => format!("{} {}", object.kind, object.name),
    }
}

fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str()
}

fn label<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.pointer("/metadata/labels")?.get(name)?.as_str()
}

/// `, last written by MANAGER at TIME`, as far as the object tells; empty where it does not.
fn last_change(found: &Value) -> String {
    let fields = found.pointer("/metadata/managedFields").and_then(Value::as_array);
    let latest = fields
        .into_iter()
        .flatten()
        // A status is no change of the object, nor is the API server's own note of a token's use.
        .filter(|entry| entry.get("subresource").is_none() && entry["manager"] != "kube-apiserver")
        .filter_map(|entry| {
            let time: Timestamp = entry.get("time")?.as_str()?.parse().ok()?;
            Some((time, entry.get("manager").and_then(Value::as_str).unwrap_or("an unnamed client")))
        })
        .max_by_key(|(time, _)| *time);
    latest.map(|(time, manager)| format!(", last written by {manager} at {time}")).unwrap_or_default()
}
