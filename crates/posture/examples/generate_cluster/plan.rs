//! What there will be: the names that objects know each other by, drawn before any object is made.

use std::collections::HashSet;

use fastrand::Rng;
use serde_json::Value;

use super::kit::{chance, pick, rng, suffix};

const TEAMS: &[&str] = &[
    "accounts",
    "ads",
    "analytics",
    "billing",
    "booking",
    "catalog",
    "checkout",
    "claims",
    "crm",
    "data",
    "delivery",
    "fraud",
    "growth",
    "identity",
    "inventory",
    "invoicing",
    "ledger",
    "loyalty",
    "mobile",
    "orders",
    "partners",
    "payments",
    "pricing",
    "recommend",
    "reports",
    "risk",
    "search",
    "shipping",
    "support",
    "web",
];
const STAGES: &[&str] = &[
    "prod", "staging", "dev", "qa", "preview", "batch", "internal", "edge", "eu", "us", "apac", "perf",
    "demo", "jobs", "tools",
];
const PARTS: &[&str] = &[
    "api",
    "worker",
    "gateway",
    "frontend",
    "consumer",
    "producer",
    "scheduler",
    "sync",
    "cache",
    "indexer",
    "importer",
    "exporter",
    "proxy",
    "controller",
    "operator",
    "webhook",
    "cron",
    "migrator",
    "mailer",
    "reporter",
];
/// Namespaces of the platform, in every cluster.
const PLATFORM: &[&str] = &[
    "argocd",
    "cert-manager",
    "default",
    "external-secrets",
    "ingress-nginx",
    "istio-system",
    "kube-node-lease",
    "kube-public",
    "kube-system",
    "logging",
    "monitoring",
    "velero",
];
/// DaemonSets: name, namespace, whether they run on an eighth of the nodes only, what they are allowed.
const DAEMONS: &[(&str, &str, bool, Profile)] = &[
    ("cilium", "kube-system", true, Profile::Privileged),
    ("csi-node", "kube-system", true, Profile::KubeletDir),
    ("fluent-bit", "logging", false, Profile::Plain),
    ("gpu-driver", "kube-system", true, Profile::Privileged),
    ("node-exporter", "monitoring", true, Profile::HostProcesses),
    ("node-local-dns", "kube-system", false, Profile::Plain),
    ("otel-agent", "monitoring", false, Profile::Plain),
];

/// Kinds that make pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    CronJob,
}

/// What a workload's pods may do on their node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Plain,
    Privileged,
    HostNetwork,
    HostProcesses,
    DockerSocket,
    KubeletDir,
    Capabilities,
    HostPort,
}

/// A namespace.
pub(crate) struct Namespace {
    pub(crate) name: String,
    /// `pod-security.kubernetes.io/enforce`, if set.
    pub(crate) enforce: Option<&'static str>,
    /// Whose it is: the platform's, or a team's.
    pub(crate) platform: bool,
    /// Names of its ServiceAccounts.
    pub(crate) accounts: Vec<Account>,
    /// Names of its Roles.
    pub(crate) roles: Vec<String>,
}

/// A ServiceAccount.
pub(crate) struct Account {
    pub(crate) name: String,
    /// The Secrets with its long-lived tokens, and whether its `secrets` lists them.
    pub(crate) tokens: Vec<(String, bool)>,
    /// `automountServiceAccountToken`.
    pub(crate) automount: Option<bool>,
}

/// What makes pods.
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    /// Index of its namespace, and of its account there.
    pub(crate) namespace: usize,
    pub(crate) account: usize,
    pub(crate) name: String,
    pub(crate) pods: usize,
    pub(crate) profile: Profile,
}

/// The names of a whole cluster.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) scale: f64,
    pub(crate) nodes: usize,
    pub(crate) cluster_roles: Vec<String>,
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) workloads: Vec<Workload>,
}

impl Plan {
    pub(crate) fn new(seed: u64, scale: f64, recorded: &[Value]) -> Self {
        let mut rng = rng(seed, "plan", 0);
        let mut plan = Self {
            seed,
            scale,
            nodes: scaled(1000, scale).max(1),
            cluster_roles: Vec::new(),
            namespaces: namespaces(&mut rng, scaled(600, scale)),
            workloads: Vec::new(),
        };
        plan.draw_roles(&mut rng, recorded);
        plan.draw_accounts(&mut rng, recorded);
        plan.draw_tokens(&mut rng);
        plan.draw_workloads(&mut rng);
        plan
    }

    /// `full`, the number at scale 1.0, at this plan's scale.
    pub(crate) fn scaled(&self, full: usize) -> usize {
        scaled(full, self.scale)
    }

    /// A generator for object `number` of a kind.
    pub(crate) fn rng(&self, kind: &str, number: usize) -> Rng {
        rng(self.seed, kind, number)
    }

    /// A namespace of a team, or of the platform where there are no others.
    pub(crate) fn any_namespace(&self, rng: &mut Rng) -> &Namespace {
        &self.namespaces[rng.usize(..self.namespaces.len())]
    }

    fn draw_roles(&mut self, rng: &mut Rng, recorded: &[Value]) {
        let made =
            |kind| recorded.iter().filter(|object| object["kind"] == kind && is_built_in(object)).count();
        // Five more gather the others.
        let wanted = self.scaled(1500).saturating_sub(made("ClusterRole") + 5).max(10);
        self.cluster_roles = (0..wanted).map(|number| format!("{}-{number}", app(rng))).collect();
        let wanted = self.scaled(8500).saturating_sub(made("Role")).max(1);
        for number in 0..wanted {
            let namespace = number * self.namespaces.len() / wanted;
            let roles = &mut self.namespaces[namespace].roles;
            roles.push(format!("{}-{}", app(rng), roles.len()));
        }
    }

    fn draw_accounts(&mut self, rng: &mut Rng, recorded: &[Value]) {
        let mut total = 0;
        for namespace in &mut self.namespaces {
            let mut names = vec!["default".to_owned()];
            if namespace.name == "kube-system" {
                let theirs = recorded.iter().filter(|object| object["kind"] == "ServiceAccount");
                let theirs = theirs.filter(|object| object["metadata"]["namespace"] == "kube-system");
                names.extend(
                    theirs.filter_map(|object| object["metadata"]["name"].as_str()).map(str::to_owned),
                );
            }
            let daemons = DAEMONS.iter().filter(|daemon| daemon.1 == namespace.name);
            names.extend(daemons.map(|daemon| daemon.0.to_owned()));
            names.sort();
            names.dedup();
            total += names.len();
            namespace.accounts =
                names.into_iter().map(|name| Account { name, tokens: Vec::new(), automount: None }).collect();
        }
        let mut seen = HashSet::new();
        for _ in total..self.scaled(20_000) {
            let namespace = rng.usize(..self.namespaces.len());
            let mut name = app(rng);
            while !seen.insert((namespace, name.clone())) {
                name = format!("{name}-{}", suffix(rng, 3));
            }
            let automount = chance(rng, 150).then(|| chance(rng, 100));
            self.namespaces[namespace].accounts.push(Account { name, tokens: Vec::new(), automount });
        }
    }

    fn draw_tokens(&mut self, rng: &mut Rng) {
        for _ in 0..self.scaled(2500) {
            let namespace = rng.usize(..self.namespaces.len());
            let accounts = &mut self.namespaces[namespace].accounts;
            let account = rng.usize(..accounts.len());
            let account = &mut accounts[account];
            // What Kubernetes made before 1.24 is listed in the account; what people made since is not.
            let listed = chance(rng, 600);
            let ending = if listed { format!("token-{}", suffix(rng, 5)) } else { "token".to_owned() };
            let name = format!("{}-{ending}", account.name);
            if account.tokens.iter().all(|(known, _)| *known != name) {
                account.tokens.push((name, listed));
            }
        }
    }

    fn draw_workloads(&mut self, rng: &mut Rng) {
        let wanted = self.scaled(100_000);
        let mut pods = 0;
        for &(name, namespace, some, profile) in DAEMONS {
            let count = if some { self.nodes / 8 } else { self.nodes };
            let Some(namespace) = self.namespaces.iter().position(|known| known.name == namespace) else {
                continue;
            };
            let account =
                self.namespaces[namespace].accounts.iter().position(|known| known.name == name).unwrap_or(0);
            let name = name.to_owned();
            self.workloads.push(Workload {
                kind: Kind::DaemonSet,
                namespace,
                account,
                name,
                pods: count,
                profile,
            });
            pods += count;
        }
        while pods < wanted {
            let namespace = rng.usize(..self.namespaces.len());
            let account = rng.usize(..self.namespaces[namespace].accounts.len());
            let kind = match rng.u32(..100) {
                0..3 => Kind::CronJob,
                3..8 => Kind::StatefulSet,
                _ => Kind::Deployment,
            };
            let count = (1 + rng.usize(..8) * rng.usize(..8) / 5).min(wanted - pods);
            // Where Pod Security is enforced there are no others.
            let free = self.namespaces[namespace].enforce.is_none();
            let profile = if free && chance(rng, 8) { risky(rng) } else { Profile::Plain };
            let name = format!("{}-{}", app(rng), self.workloads.len());
            self.workloads.push(Workload { kind, namespace, account, name, pods: count, profile });
            pods += count;
        }
        self.workloads
            .sort_by(|left, right| (left.namespace, &left.name).cmp(&(right.namespace, &right.name)));
    }
}

/// Whether Kubernetes itself made a role or binding.
pub(crate) fn is_built_in(object: &Value) -> bool {
    object["metadata"]["labels"]["kubernetes.io/bootstrapping"] == "rbac-defaults"
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small counts"
)]
fn scaled(full: usize, scale: f64) -> usize {
    (full as f64 * scale).round() as usize
}

fn app(rng: &mut Rng) -> String {
    format!("{}-{}", pick(rng, TEAMS), pick(rng, PARTS))
}

fn namespaces(rng: &mut Rng, wanted: usize) -> Vec<Namespace> {
    let teams = (0_usize..).map(|number| {
        let (team, rest) = (TEAMS[number % TEAMS.len()], number / TEAMS.len());
        let (stage, again) = (STAGES[rest % STAGES.len()], rest / STAGES.len());
        if again == 0 { format!("{team}-{stage}") } else { format!("{team}-{stage}-{again}") }
    });
    let mut names: Vec<(String, bool)> = PLATFORM.iter().map(|name| ((*name).to_owned(), true)).collect();
    names.extend(teams.take(wanted.saturating_sub(PLATFORM.len()).max(3)).map(|name| (name, false)));
    names.sort();
    let enforce = |rng: &mut Rng, platform: bool| match rng.u32(..10) {
        _ if platform => None,
        0..2 => Some("restricted"),
        2..5 => Some("baseline"),
        _ => None,
    };
    names
        .into_iter()
        .map(|(name, platform)| Namespace {
            name,
            enforce: enforce(rng, platform),
            platform,
            accounts: Vec::new(),
            roles: Vec::new(),
        })
        .collect()
}

fn risky(rng: &mut Rng) -> Profile {
    match rng.u32(..7) {
        0 => Profile::HostNetwork,
        1 => Profile::HostProcesses,
        2 => Profile::DockerSocket,
        3 => Profile::KubeletDir,
        4 => Profile::Capabilities,
        5 => Profile::HostPort,
        _ => Profile::Privileged,
    }
}
