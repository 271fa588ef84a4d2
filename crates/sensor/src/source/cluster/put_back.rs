//! Sets the label of last use back, so that the next use of the token shows too.

use std::time::Duration;

use serde_json::{Value, json};
use sundew_cluster::{Hand, HandError, ObjectKey, Reason};

use super::known::PutBack;

/// The label, `LastUsedLabelKey` of `pkg/serviceaccount/legacy.go` of Kubernetes.
const LABEL: &str = "kubernetes.io/legacy-token-last-used";
/// Whoever sets a label by hand does it so.
const FIELD_MANAGER: &str = "kubectl-label";
/// The first and the longest wait before a server that did not answer is asked again.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The label is back, in this version of the Secret.
    Done(String),
    /// Somebody else changed it meanwhile: what it means is told by the next look.
    Moved,
    /// The server does not let us.
    Refused(HandError),
}

/// Sets the label of the Secret `key` with `uid` back from `label` to what `back` says, however long the server takes;
/// `trouble` is told when it does not answer.
pub(super) async fn put_back(
    hand: &Hand,
    key: &ObjectKey,
    uid: &str,
    label: Option<&str>,
    back: &PutBack,
    trouble: impl Fn(&Reason),
) -> Outcome {
    let mut version = back.version.clone();
    let mut wait = FIRST_WAIT;
    loop {
        let patch = json!({"metadata": {"uid": uid, "resourceVersion": version, "labels": {LABEL: back.to}}});
        match hand.patch(key, &patch, FIELD_MANAGER).await {
            Ok(now) => return Outcome::Done(text(&now["metadata"]["resourceVersion"])),
            Err(HandError::Conflict { .. }) => {}
            Err(HandError::Missing { .. }) => return Outcome::Moved,
            Err(HandError::Failed { why, .. }) => {
                trouble(&why);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            Err(refused) => return Outcome::Refused(refused),
        }
        // Another touched it, or the answer was lost: what does it look like now?
        let now = match hand.metadata(key).await {
            Ok(Some(now)) if now["metadata"]["uid"] == uid => now,
            Ok(_) => return Outcome::Moved,
            // The next patch says whether the server is still away.
            Err(_) => continue,
        };
        let shown = now["metadata"]["labels"][LABEL].as_str();
        if shown == back.to.as_deref() {
            return Outcome::Done(text(&now["metadata"]["resourceVersion"]));
        }
        if shown != label {
            return Outcome::Moved;
        }
        version = text(&now["metadata"]["resourceVersion"]);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
