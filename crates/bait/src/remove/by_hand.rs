//! Decoys that were made by hand: the inventory gives names, and the uids are read from the cluster.

use sundew_decoy::{Object, Part};

use super::{Depth, Run};
use crate::{BaitError, plant::key};

/// The account that a Secret holds a token of.
const OF_ACCOUNT: &str = "kubernetes.io/service-account.name";

impl Run<'_> {
    /// Where planting wrote no uids, reads those of the account, of its Secrets, and of what else the inventory names.
    /// False where that leaves nothing to do.
    pub(super) async fn look_up(&mut self, depth: Depth) -> Result<bool, BaitError> {
        // An interrupted planting knows for itself what is its own.
        if self.decoy.state.is_some() {
            return Ok(true);
        }
        self.by_hand = true;
        let goes = |object: &Object| matches!(object.part, Part::Placement | Part::Rights);
        if depth == Depth::Retire && !self.decoy.objects.iter().any(goes) {
            self.done.left.push(format!(
                "{} was made by hand, and the inventory lists nothing of it but account and Secrets, which stay: take \
                 its placements away yourself, or remove it.",
                self.decoy.name()
            ));
            return Ok(false);
        }
        let mut candidates = self.named();
        candidates.retain(|new| {
            !self.decoy.objects.iter().any(|listed| (&listed.kind, &listed.name) == (&new.kind, &new.name))
        });
        candidates.extend(self.decoy.objects.iter().cloned());
        let mut found = Vec::new();
        for object in candidates {
            found.extend(self.with_uid(object).await?);
        }
        self.decoy.objects = found;
        Ok(depth == Depth::Remove || !self.decoy.objects.is_empty())
    }

    fn named(&self) -> Vec<Object> {
        let object = |kind: &str, name: &str, part| Object {
            api_version: "v1".into(),
            kind: kind.into(),
            namespace: Some(self.decoy.namespace.clone()),
            name: name.into(),
            uid: None,
            part,
            digest: None,
        };
        let account = Object {
            uid: self.decoy.uid.clone(),
            ..object("ServiceAccount", &self.decoy.account, Part::Account)
        };
        let secrets = self.decoy.placements.iter().filter_map(|placement| placement.secret.as_ref());
        let secrets = secrets.map(|name| object("Secret", name, Part::Token));
        std::iter::once(account).chain(secrets).collect()
    }

    /// The object as it is in the cluster now; none where it is not there, or not the decoy's.
    async fn with_uid(&mut self, object: Object) -> Result<Option<Object>, BaitError> {
        if object.uid.is_some() {
            return Ok(Some(object));
        }
        let key = key(&object);
        let Some(seen) = self.hand.metadata(&key).await? else {
            self.done.done.push(format!("{key} was not there any more."));
            return Ok(None);
        };
        let metadata = &seen["metadata"];
        if object.part == Part::Token && metadata["annotations"][OF_ACCOUNT] != self.decoy.account.as_str() {
            self.done.left.push(format!(
                "{key} was left alone: it is no token of {}, whatever the inventory says.",
                self.decoy.name()
            ));
            return Ok(None);
        }
        let Some(uid) = metadata["uid"].as_str().map(str::to_owned) else {
            return Err(BaitError::Wrong(format!(
                "the server does not say which uid {key} has; see whether a proxy stands between here and the server"
            )));
        };
        let made = metadata["creationTimestamp"].as_str().map(|t| format!(", of {t}")).unwrap_or_default();
        self.done
            .done
            .push(format!("{key} was made by hand: it was known by its name, and is uid {uid}{made}."));
        Ok(Some(Object { uid: Some(uid), ..object }))
    }
}
