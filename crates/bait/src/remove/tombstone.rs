//! Tombstones: Secrets whose token the API server refuses, and whose use it still notes.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;
use sundew_cluster::{Connection, HandError, ObjectKey};
use sundew_decoy::{Object, Part};

use super::Run;
use crate::{BaitError, plant::key};

/// Since which day the token is refused; the value is a date, and any one will do (KEP-2799).
const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";

/// As whoever types `kubectl label` leaves it.
const MANAGER: &str = "kubectl-label";

impl Run<'_> {
    /// Labels each Secret with a token.
    pub(super) async fn mark_all(&mut self, connection: &Connection) -> Result<(), BaitError> {
        let secrets: Vec<Object> =
            self.decoy.objects.iter().filter(|object| object.part == Part::Token).cloned().collect();
        for secret in secrets {
            // The server's day: a date that has not come yet would look odd.
            let now = connection.now().unwrap_or_else(Timestamp::now);
            let today = now.to_zoned(TimeZone::UTC).date().to_string();
            self.mark(&secret, &today).await?;
        }
        Ok(())
    }

    async fn mark(&mut self, secret: &Object, today: &str) -> Result<(), BaitError> {
        let key = key(secret);
        let patch = json!({"metadata": {"uid": secret.uid, "labels": {INVALID_SINCE: today}}});
        let Some(seen) = self.hand.metadata(&key).await? else { return self.no_longer(&key) };
        if secret.uid.is_none() || seen["metadata"]["uid"].as_str() != secret.uid.as_deref() {
            return self.of_another(&key);
        }
        if let Some(since) = seen["metadata"]["labels"][INVALID_SINCE].as_str() {
            self.done.done.push(format!("The token in {key} is refused since {since}."));
            return Ok(());
        }
        match self.hand.patch(&key, &patch, MANAGER).await {
            Ok(_) => {
                (self.progress)(&format!("the token in {key} is refused from now on"));
                self.done
                    .done
                    .push(format!("The token in {key} is refused from now on; its use is still told."));
                Ok(())
            }
            Err(HandError::Missing { .. }) => self.no_longer(&key),
            Err(error @ HandError::Conflict { .. }) => match self.hand.metadata(&key).await? {
                None => self.no_longer(&key),
                Some(seen) if seen["metadata"]["uid"].as_str() != secret.uid.as_deref() => {
                    self.of_another(&key)
                }
                Some(_) => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    fn no_longer(&mut self, key: &ObjectKey) -> Result<(), BaitError> {
        self.done.whole = false;
        let what = format!("{key} is gone, and its token with it: its use is a 401 that names nobody.");
        self.done.left.push(what);
        Ok(())
    }

    fn of_another(&mut self, key: &ObjectKey) -> Result<(), BaitError> {
        self.done.whole = false;
        let what = "was left alone: the one that was made is gone, and somebody else made another";
        self.done.left.push(format!("{key} {what}."));
        Ok(())
    }
}
