//! Finds decoys again whose inventory was lost, by what the user remembers and what bait has in common, never by a mark.

mod shape;

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use sundew_decoy::{Decoy, MountedBy, Placement, persona::Persona};
use sundew_posture::{
    Cluster,
    model::{Account, PodSpec, Secret, VolumeKind, Workload, WorkloadKind},
    questions::Grant,
    rbac::Rbac,
};

use self::shape::{Shape, likeness};
use crate::gate::{Said, own_rights};

/// Bait is planted in one go: account and Secrets are made within this of each other.
const ONE_GO: SignedDuration = SignedDuration::from_mins(5);

/// What the user remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The namespace.
    pub namespace: Option<String>,
    /// The account's name, or a part of it.
    pub account: Option<String>,
    /// Planted after this.
    pub after: Option<Timestamp>,
    /// Planted before this.
    pub before: Option<Timestamp>,
}

/// An account that could be a decoy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// As the inventory would list it.
    pub decoy: Decoy,
    /// What speaks for it, each in a few words; more is better.
    pub because: Vec<String>,
}

/// Accounts that hold a long-lived token, run no workload of consequence and have next to no rights, those that look
/// most like a persona's first.
///
/// Where Secrets could not be read there are no candidates; where roles or pods could not, there are more.
pub fn search(cluster: &Cluster, personas: &[Persona], remembered: &Remembered) -> Vec<Candidate> {
    let rbac = Rbac::new(cluster);
    let mut found: Vec<(u32, Candidate)> = cluster
        .accounts
        .iter()
        .filter(|account| remembered.fits(account))
        .filter_map(|account| consider(&rbac, account, personas))
        .collect();
    found.sort_by_cached_key(|(points, candidate)| {
        (Reverse(*points), candidate.decoy.namespace.clone(), candidate.decoy.account.clone())
    });
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

impl Remembered {
    fn fits(&self, account: &Account) -> bool {
        let meta = &account.meta;
        // Of what has no time, nobody can say that it does not fit.
        let made = |fits: &dyn Fn(Timestamp) -> bool| meta.created.is_none_or(fits);
        self.namespace.as_ref().is_none_or(|namespace| *meta.namespace == **namespace)
            && self.account.as_ref().is_none_or(|part| meta.name.contains(part.as_str()))
            && self.after.is_none_or(|after| made(&|created| created >= after))
            && self.before.is_none_or(|before| made(&|created| created <= before))
    }
}

/// The candidate that an account is, with its points; none where something shows that it is no decoy.
fn consider(rbac: &Rbac<'_>, account: &Account, personas: &[Persona]) -> Option<(u32, Candidate)> {
    let cluster = rbac.cluster();
    let (namespace, name) = (&account.meta.namespace, &account.meta.name);
    let tokens: Vec<&Secret> = cluster
        .secrets
        .iter()
        .filter(|secret| secret.is_token() && secret.meta.namespace == *namespace)
        .filter(|secret| {
            secret.account.as_ref() == Some(name) && !account.secrets.contains(&secret.meta.name)
        })
        .collect();
    if tokens.is_empty() {
        return None;
    }
    let neighbours = || cluster.workloads.iter().filter(|w| w.meta.namespace == *namespace && !w.ended);
    if neighbours().any(|workload| works_as(workload, account)) {
        return None;
    }
    let mut because = Because::default();
    rights(rbac, account, personas, &mut because)?;
    if neighbours().next().is_some() || !cluster.lacks("pods") {
        because.add(1, "no pod runs with its token");
    }
    because.tokens(account, &tokens);
    let best = likeness(personas, account, &tokens);
    let mut decoy = Decoy {
        cluster: None,
        namespace: namespace.to_string(),
        account: name.to_string(),
        uid: None,
        persona: None,
        state: None,
        planted: account.meta.created,
        objects: Vec::new(),
        placements: Vec::new(),
    };
    if let Some(shape) = &best {
        because.points += shape.points;
        because.words.extend(shape.because.iter().cloned());
        decoy.persona = Some(shape.persona.id.clone());
    }
    for secret in tokens {
        let mounting: Vec<&Workload> = neighbours().filter(|w| exposes(&w.spec, &secret.meta.name)).collect();
        let placement = placement(secret, &mounting, best.as_ref());
        if let Some(MountedBy { pod, workload, .. }) = &placement.mounted_by {
            let by = pod.as_ref().or(workload.as_ref()).map_or("", String::as_str);
            because
                .add(1, format!("{by} exposes Secret {} and does not run as the account", secret.meta.name));
        }
        decoy.placements.push(placement);
    }
    forget_doubtful(&mut decoy.placements);
    Some((because.points, Candidate { decoy, because: because.words }))
}

/// Where two Secrets could be of the same placement, neither is said to be.
fn forget_doubtful(placements: &mut [Placement]) {
    let names: Vec<Option<String>> = placements.iter().map(|placement| placement.name.clone()).collect();
    for placement in placements {
        if names.iter().filter(|name| name.is_some() && **name == placement.name).count() > 1 {
            (placement.name, placement.location) = (None, None);
        }
    }
}

/// What speaks for a candidate.
#[derive(Debug, Default)]
struct Because {
    points: u32,
    words: Vec<String>,
}

impl Because {
    fn add(&mut self, points: u32, words: impl Into<String>) {
        self.points += points;
        self.words.push(words.into());
    }

    fn tokens(&mut self, account: &Account, tokens: &[&Secret]) {
        self.add(
            1,
            match tokens {
                [token] => format!("Secret {} holds a token of it and was made by hand", token.meta.name),
                _ => format!("{} Secrets hold a token of it and were made by hand", tokens.len()),
            },
        );
        let near = |secret: &&Secret| {
            let made = account.meta.created.zip(secret.meta.created);
            made.is_some_and(|(account, secret)| secret.duration_since(account).abs() <= ONE_GO)
        };
        if tokens.iter().all(near) {
            self.add(1, "account and Secrets were made in one go");
        }
        if tokens.iter().all(|secret| secret.last_used.is_none()) {
            self.add(1, "no token of it was ever used");
        }
        if let Some(since) = tokens.iter().find_map(|secret| secret.invalid_since.as_ref()) {
            self.add(1, format!("a token of it is refused since {since}, as a tombstone's is"));
        }
    }
}

/// Notes how little the account may do; none where it may do too much for bait.
fn rights(rbac: &Rbac<'_>, account: &Account, personas: &[Persona], because: &mut Because) -> Option<()> {
    let own = own_rights(rbac, &account.meta.namespace, &account.meta.name);
    let is_declared = |grant: &Grant| personas.iter().any(|p| Said::of(grant).is_within(&p.rights));
    if own.is_empty() {
        let unknown = ["roles", "clusterroles", "rolebindings", "clusterrolebindings"];
        if !unknown.iter().any(|resource| rbac.cluster().lacks(resource)) {
            because.add(2, "it may do nothing that not every account may");
        }
    } else if own.iter().all(is_declared) {
        because.add(1, "it may do no more than a persona's account");
    } else if own.iter().all(|grant| Said::of(grant).only_looks()) {
        because.words.push("it may only look at things, and not at Secrets".into());
    } else {
        return None;
    }
    Some(())
}

/// Whether a workload runs as the account and has a token of it by that: then the account does work.
fn works_as(workload: &Workload, account: &Account) -> bool {
    let spec = &workload.spec;
    spec.account == account.meta.name && spec.automount.or(account.automount).unwrap_or(true)
}

/// Whether a pod has the Secret in a volume or in its environment.
fn exposes(spec: &PodSpec, secret: &str) -> bool {
    let in_volume = spec.volumes.iter().any(|volume| match &volume.kind {
        VolumeKind::Secret(name) => **name == *secret,
        VolumeKind::Projected { secrets, .. } => secrets.iter().any(|name| **name == *secret),
        VolumeKind::HostPath(_) => false,
    });
    in_volume || spec.containers.iter().flat_map(|c| &c.env).any(|used| *used.secret == *secret)
}

fn placement(secret: &Secret, mounting: &[&Workload], shape: Option<&Shape<'_>>) -> Placement {
    let draft = shape.and_then(|shape| shape.placement(&secret.meta.name));
    Placement {
        name: draft.map(|draft| draft.name.clone()),
        secret: Some(secret.meta.name.to_string()),
        credential_id: None,
        location: draft.map(|draft| draft.location.clone()).filter(|words| !words.contains('{')),
        outside: draft.is_some_and(|draft| draft.outside),
        mounted_by: mounted_by(mounting),
    }
}

/// The workload that people made, where there is one: its pods' names begin with its own.
fn mounted_by(mounting: &[&Workload]) -> Option<MountedBy> {
    let first = mounting.iter().find(|workload| workload.owner.is_none()).or(mounting.first())?;
    let nodes = mounting.iter().filter_map(|workload| workload.spec.node.as_ref());
    let mut nodes: Vec<String> = nodes.map(ToString::to_string).collect();
    nodes.sort();
    nodes.dedup();
    let (pod, workload) = match (&first.owner, first.kind) {
        (Some(owner), _) => (None, Some(owner.name.to_string())),
        (None, WorkloadKind::Pod) => (Some(first.meta.name.to_string()), None),
        (None, _) => (None, Some(first.meta.name.to_string())),
    };
    Some(MountedBy { pod, workload, nodes })
}
