//! Every token that a pod holds: mounted by default, projected, and long-lived ones from Secrets.

use hashbrown::HashMap;

use crate::model::{Account, Cluster, Container, Secret, Str, Token, VolumeKind, Workload, WorkloadKind};

/// How long a token is good that admission mounts by default (`plugin/pkg/admission/serviceaccount`).
const DEFAULT_SECONDS: i64 = 3607;

/// How a pod comes by a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Kubernetes mounts it into every container, since nothing says not to.
    Automounted,
    /// A projected volume asks for it.
    Projected {
        /// For whom it is good; the API server where it is none.
        audience: Option<Str>,
        /// How long each is good, in seconds.
        seconds: i64,
    },
    /// A Secret with a long-lived token is mounted as a volume.
    SecretVolume(Str),
    /// A Secret with a long-lived token is read into the environment.
    SecretEnv(Str),
}

/// A token that a pod holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldToken {
    /// The account it is for, in the pod's namespace.
    pub account: Str,
    /// How the pod comes by it.
    pub way: Way,
    /// The containers that see it, with the file or the variable's Secret key.
    pub containers: Vec<(Str, String)>,
}

impl HeldToken {
    /// Whether the API server takes it. Of an audience that is not its own name this cannot be known; such are the
    /// names that API servers commonly have.
    pub fn is_for_api(&self) -> bool {
        match &self.way {
            Way::Projected { audience: Some(audience), .. } => {
                audience.contains("kubernetes.default")
                    || &**audience == "api"
                    || audience.contains("kube-apiserver")
            }
            _ => true,
        }
    }
}

/// Answers which tokens pods hold.
#[derive(Debug)]
pub(crate) struct Tokens<'c> {
    accounts: HashMap<(&'c str, &'c str), &'c Account>,
    secrets: HashMap<(&'c str, &'c str), &'c Secret>,
}

impl<'c> Tokens<'c> {
    pub(crate) fn new(cluster: &'c Cluster) -> Self {
        // Of a token that was declared invalid nothing is left but the trace of its use.
        let tokens = cluster.secrets.iter().filter(|s| s.is_token() && s.invalid_since.is_none());
        Self {
            accounts: cluster.accounts_by_name(),
            secrets: tokens.map(|s| ((&*s.meta.namespace, &*s.meta.name), s)).collect(),
        }
    }

    /// Whether Kubernetes mounts a token by itself: the pod's word goes before the account's, and yes is the default.
    pub(crate) fn automounts(&self, workload: &Workload) -> bool {
        let account = self.accounts.get(&(&*workload.meta.namespace, &*workload.spec.account));
        workload.spec.automount.or_else(|| account.and_then(|a| a.automount)).unwrap_or(true)
    }

    /// Every token of an account that the pod holds.
    pub(crate) fn of(&self, workload: &Workload) -> Vec<HeldToken> {
        let spec = &workload.spec;
        let mut found: Vec<HeldToken> = Vec::new();
        let mut written_out = false;
        for volume in &spec.volumes {
            let seen = |file: &str| -> Vec<(Str, String)> {
                let mounts = spec.containers.iter().flat_map(|c| c.mounts.iter().map(move |m| (c, m)));
                let mounts = mounts.filter(|(_, mount)| mount.volume == volume.name);
                mounts
                    .map(|(c, mount)| {
                        (c.name.clone(), format!("{}/{file}", mount.path.trim_end_matches('/')))
                    })
                    .collect()
            };
            let mut legacy = |secret: &Str| {
                if let Some(account) = self.account_of(workload, secret) {
                    found.push(HeldToken {
                        account,
                        way: Way::SecretVolume(secret.clone()),
                        containers: seen("token"),
                    });
                }
            };
            match &volume.kind {
                VolumeKind::Secret(secret) => legacy(secret),
                VolumeKind::Projected { secrets, tokens } => {
                    secrets.iter().for_each(&mut legacy);
                    for Token { audience, seconds, path } in tokens {
                        // What the API server's admission wrote for the pod's automount.
                        let is_default = volume.name.starts_with("kube-api-access-")
                            && audience.is_none()
                            && *seconds <= DEFAULT_SECONDS;
                        written_out |= is_default;
                        let way = if is_default {
                            Way::Automounted
                        } else {
                            Way::Projected { audience: audience.clone(), seconds: *seconds }
                        };
                        found.push(HeldToken { account: spec.account.clone(), way, containers: seen(path) });
                    }
                }
                VolumeKind::HostPath(_) => {}
            }
        }
        for container in &spec.containers {
            self.of_environment(workload, container, &mut found);
        }
        // A template, or a manifest of a pod, is not yet written out; a pod that runs is.
        if !written_out
            && self.automounts(workload)
            && (workload.kind != WorkloadKind::Pod || spec.node.is_none())
        {
            let path = "/var/run/secrets/kubernetes.io/serviceaccount/token";
            let containers = spec.containers.iter().map(|c| (c.name.clone(), path.to_owned())).collect();
            found.push(HeldToken { account: spec.account.clone(), way: Way::Automounted, containers });
        }
        found
    }

    fn of_environment(&self, workload: &Workload, container: &Container, found: &mut Vec<HeldToken>) {
        for used in &container.env {
            // A long-lived token lies under the key `token`; the others are its certificate and namespace.
            if used.key.as_deref().is_some_and(|key| key != "token") {
                continue;
            }
            if let Some(account) = self.account_of(workload, &used.secret) {
                let seen = vec![(container.name.clone(), "in the environment".to_owned())];
                found.push(HeldToken { account, way: Way::SecretEnv(used.secret.clone()), containers: seen });
            }
        }
    }

    /// The account whose long-lived token a Secret in the workload's namespace holds.
    fn account_of(&self, workload: &Workload, secret: &Str) -> Option<Str> {
        let known = self.secrets.get(&(&*workload.meta.namespace, &**secret))?;
        known.account.clone()
    }
}
