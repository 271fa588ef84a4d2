//! One run of planting: each step is in the inventory before it is taken.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde_json::Value;
use sundew_cluster::{Endpoint, ObjectKey};
use sundew_decoy::{
    Decoy, Part, State, drift,
    plan::{Plan, Planned},
};
use tokio::time::{Instant, sleep_until};

use super::{
    Planted, Planting, key,
    steady::Steady,
    takeback,
    token::{self, Expected, Token, Tokens},
    tryout,
};
use crate::{BaitError, announce, file::InventoryFile};

pub(super) struct Making<'m> {
    hand: &'m Steady,
    plan: &'m Plan,
    endpoint: Endpoint,
    file: &'m mut InventoryFile,
    /// As the inventory has it.
    decoy: Decoy,
    spacing: Duration,
    patience: Duration,
    progress: &'m mut dyn FnMut(&str),
    tokens: Tokens,
    /// Not before then is the next object made.
    next: Instant,
    /// The times of creation that the server gave.
    created: Vec<String>,
}

impl<'m> Making<'m> {
    /// Writes the decoy down as being planted.
    pub(super) fn begin(
        planting: &'m mut Planting<'_>,
        hand: &'m Steady,
        file: &'m mut InventoryFile,
        mut decoy: Decoy,
    ) -> Result<Self, BaitError> {
        decoy.state = Some(State::Planting);
        // By the server's clock, as the objects' own times are.
        decoy.planted = Some(planting.connection.now().unwrap_or_else(Timestamp::now));
        decoy.uid = None;
        decoy.objects = planting.plan.objects.iter().map(|planned| planned.object.clone()).collect();
        for object in &mut decoy.objects {
            object.uid = None;
            object.digest = None;
        }
        file.put(decoy.clone())?;
        Ok(Self {
            hand,
            plan: planting.plan,
            endpoint: planting.connection.endpoint(),
            file,
            decoy,
            spacing: planting.spacing,
            patience: planting.patience,
            progress: &mut *planting.progress,
            tokens: Tokens::new(),
            next: Instant::now(),
            created: Vec::new(),
        })
    }

    pub(super) async fn all(&mut self) -> Result<Planted, BaitError> {
        let plan = self.plan;
        for (index, planned) in plan.objects.iter().enumerate() {
            let waits = !matches!(planned.object.part, Part::Account | Part::Token);
            if waits || !planned.tokens.is_empty() {
                self.fetch_tokens(index).await?;
            }
            self.make(index, planned).await?;
        }
        self.fetch_tokens(plan.objects.len()).await?;
        let verified = self.verify().await?;
        let outside = self.outside()?;
        self.decoy.state = Some(State::Planted);
        self.file.put(self.decoy.clone())?;
        Ok(Planted { decoy: self.decoy.clone(), outside, verified })
    }

    async fn make(&mut self, index: usize, planned: &Planned) -> Result<(), BaitError> {
        let key = key(&planned.object);
        let manager = &self.plan.field_manager;
        let mut manifest = planned.manifest.clone();
        let kubeconfig = |token: &Token| self.kubeconfig(token);
        token::fill_in(&mut manifest, &planned.tokens, &self.tokens, kubeconfig)?;

        // If this run is interrupted before the uid is known, the next one knows the object by what the server said
        // that it would make of it.
        let expected = tryout::outlook(self.hand, &manifest, manager).await?;
        self.decoy.objects[index].digest = Some(expected.likeness.clone());
        self.file.put(self.decoy.clone())?;

        sleep_until(self.next).await;
        let live = match self.hand.make(&key, &manifest, manager, &expected).await {
            Ok(live) => live,
            Err(failed) => {
                if !failed.doubt {
                    self.decoy.objects[index].digest = None;
                }
                return Err(failed.why.into());
            }
        };
        self.next = Instant::now() + self.spacing.saturating_add(jitter(self.spacing)?);
        self.note(index, &key, &live).await?;
        (self.progress)(&format!("made {key}"));
        Ok(())
    }

    async fn note(&mut self, index: usize, key: &ObjectKey, live: &Value) -> Result<(), BaitError> {
        let Some(uid) = live["metadata"]["uid"].as_str().map(str::to_owned) else {
            return Err(BaitError::Wrong(format!(
                "the server made {key} and did not say which uid it has; see whether a proxy stands between here and \
                 the server"
            )));
        };
        self.created.extend(live["metadata"]["creationTimestamp"].as_str().map(str::to_owned));
        if self.decoy.objects[index].part == Part::Account {
            self.decoy.uid = Some(uid.clone());
        }
        let object = &mut self.decoy.objects[index];
        object.uid = Some(uid.clone());
        if object.kind != "Secret" {
            object.digest = Some(drift::digest(live));
        }
        self.file.put(self.decoy.clone())?;
        // A Secret's digest is of its metadata alone, and one that gets a token is only whole when it has it.
        if self.decoy.objects[index].kind == "Secret" && self.decoy.objects[index].part != Part::Token {
            self.decoy.objects[index].digest = Some(drift::digest(&self.unchanged(key, &uid).await?));
            self.file.put(self.decoy.clone())?;
        }
        Ok(())
    }

    /// Waits until each Secret among the first `made` objects has its token, and takes those not yet taken.
    async fn fetch_tokens(&mut self, made: usize) -> Result<(), BaitError> {
        for index in 0..made {
            let object = &self.decoy.objects[index];
            let label = self.decoy.placements.iter().find(|p| p.secret.as_ref() == Some(&object.name));
            let name = label.map_or_else(|| object.name.clone(), |placement| placement.label());
            if object.part != Part::Token || self.tokens.contains_key(&name) {
                continue;
            }
            let (key, uid) = (key(object), object.uid.clone().unwrap_or_default());
            (self.progress)(&format!("waiting for the token of {key}"));
            let token = token::wait_for(self.hand, &key, &uid, self.patience).await?;
            let account_uid = self.decoy.uid.as_deref();
            token.check(&key, &Expected { username: self.decoy.username(), account_uid })?;
            self.tokens.insert(name, token);
            let seen = self.unchanged(&key, &uid).await?;
            self.decoy.objects[index].digest = Some(drift::digest(&seen));
            self.file.put(self.decoy.clone())?;
        }
        Ok(())
    }

    /// Its metadata, if it is still the object that was made.
    async fn unchanged(&self, key: &ObjectKey, uid: &str) -> Result<Value, BaitError> {
        let seen = self.hand.metadata(key).await?;
        let what = match &seen {
            None => "was deleted",
            Some(seen) if seen["metadata"]["uid"] != uid => "was deleted and made again",
            Some(seen) if seen["metadata"].get("deletionTimestamp").is_some() => "is being deleted",
            Some(_) => return Ok(seen.unwrap_or_default()),
        };
        Err(BaitError::Wrong(format!(
            "{key} {what} by somebody else while the decoy was planted; find out who cleans up there (the audit log, \
             a GitOps controller), and choose another namespace if need be"
        )))
    }

    /// Whether all is as it was made. No token is used for it: that would trip the wire.
    async fn verify(&mut self) -> Result<Vec<String>, BaitError> {
        (self.progress)("verifying");
        for object in &self.decoy.objects {
            self.unchanged(&key(object), object.uid.as_deref().unwrap_or_default()).await?;
        }
        let tokens = self.tokens.len();
        let mut verified = vec![
            format!("Each of the {} objects is there as it was made.", self.decoy.objects.len()),
            format!("Each of the {tokens} Secrets holds a token of {}.", self.decoy.username()),
        ];
        if self.account_is_clean().await? {
            verified.push(
                "The account lists none of its Secrets, so that the cluster's own clean-up spares them."
                    .into(),
            );
        }
        let seconds: BTreeSet<&String> = self.created.iter().collect();
        if seconds.len() == self.created.len() {
            verified.push("No two objects were made in the same second.".into());
        }
        Ok(verified)
    }

    /// Whether no Secret of ours stands in the account's `secrets`: those that do are cleaned up when they are a year
    /// old. False where there is no account to look at.
    async fn account_is_clean(&self) -> Result<bool, BaitError> {
        let Some(account) = self.decoy.objects.iter().find(|o| o.part == Part::Account) else {
            return Ok(false);
        };
        let key = key(account);
        let live = self.hand.get(&key).await?.unwrap_or_default();
        let listed: Vec<&str> =
            live["secrets"].as_array().into_iter().flatten().filter_map(|s| s["name"].as_str()).collect();
        let ours =
            self.decoy.objects.iter().find(|o| o.kind == "Secret" && listed.contains(&o.name.as_str()));
        match ours {
            None => Ok(true),
            Some(secret) => Err(BaitError::Wrong(format!(
                "{key} lists Secret {} among its `secrets`, and the cluster's clean-up of old tokens deletes such \
                 ones; see what puts it there",
                secret.name
            ))),
        }
    }

    fn outside(&self) -> Result<Vec<(String, String)>, BaitError> {
        let of = |name: &String| {
            let token = self.tokens.get(name).ok_or_else(|| {
                BaitError::Wrong(format!(
                    "placement `{name}` leaves the cluster and has no Secret; correct the persona"
                ))
            })?;
            Ok((name.clone(), self.kubeconfig(token)?))
        };
        self.plan.outside.iter().map(of).collect()
    }

    fn kubeconfig(&self, token: &Token) -> Result<String, BaitError> {
        token.kubeconfig(&self.endpoint, &self.decoy.account, &self.decoy.namespace)
    }

    /// Takes everything back that was made, and says what became of it.
    pub(super) async fn undo(mut self, why: BaitError) -> BaitError {
        let begun = self.decoy.objects.iter().any(|object| object.digest.is_some() || object.uid.is_some());
        (self.progress)("a step failed: what was made is taken back");
        let mut left = takeback::all(self.hand, &mut self.decoy.objects, self.progress).await;
        let written =
            if left.is_empty() { self.file.forget(&self.decoy) } else { self.file.put(self.decoy.clone()) };
        let why = Box::new(why);
        match written {
            Ok(()) if left.is_empty() && begun => BaitError::TakenBack { why },
            Ok(()) if left.is_empty() => *why,
            Ok(()) => BaitError::NotUndone { why, left: left.join("; ") },
            Err(error) => {
                left.push(format!("its entry in the inventory ({error})"));
                BaitError::NotUndone { why, left: left.join("; ") }
            }
        }
    }
}

/// Up to half of `spacing`, another part each time.
fn jitter(spacing: Duration) -> Result<Duration, BaitError> {
    let mut random = [0];
    announce::fill(&mut random)?;
    Ok(spacing / 512 * u32::from(random[0]))
}
