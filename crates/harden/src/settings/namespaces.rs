//! Pod Security: which namespaces enforce nothing, and what their pods would need.

use std::collections::BTreeMap;

use sundew_posture::{
    Severity,
    model::{Control, Namespace, PodSecurity, Workload},
};

use super::{Fact, Seen, Server, steps};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
/// How many pods are named as the reason for one namespace.
const NAMED: usize = 3;

/// Namespaces whose pods are the cluster's own, its network's and its storage's: they need the node.
const SYSTEM: [&str; 12] = [
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "kube-flannel",
    "kube-ovn",
    "calico-system",
    "tigera-operator",
    "cilium",
    "gmp-system",
    "longhorn-system",
    "metallb-system",
    "rook-ceph",
];
const SYSTEM_PREFIXES: [&str; 3] = ["openshift-", "gke-managed-", "aks-"];

fn is_system(name: &str) -> bool {
    SYSTEM.contains(&name) || SYSTEM_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// A namespace that enforces nothing.
struct Open<'c> {
    namespace: &'c Namespace,
    /// The strictest level that lets in all that runs there.
    fits: PodSecurity,
    /// How many pods and templates were looked at.
    looked: usize,
    /// What keeps it from `baseline`, and who has that.
    against: BTreeMap<Control, Vec<&'c Workload>>,
}

pub(super) fn facts(seen: &Seen<'_>, servers: &[Server]) -> Vec<Fact> {
    let cluster = seen.cluster;
    if cluster.lacks("namespaces") {
        let how = "let this account list namespaces, or give --from a dump that has them";
        return vec![Fact::unknown(
            "pod-security",
            "Which namespaces enforce Pod Security could not be seen",
            how,
        )];
    }
    let (system, ours): (Vec<_>, Vec<_>) = cluster.namespaces.iter().partition(|of| is_system(&of.meta.name));
    let (enforcing, open): (Vec<_>, Vec<_>) =
        ours.into_iter().partition(|of| of.enforces > PodSecurity::Privileged);
    let defaults = servers.iter().filter(|server| server.has("admission-control-config-file"));
    let defaults: Vec<String> = defaults
        .map(|server| {
            let shown = server.shows("admission-control-config-file", "");
            format!("{shown}: it may set a level for namespaces without labels, which could not be seen")
        })
        .collect();
    let mut facts = Vec::new();
    if cluster.lacks("pods") && !open.is_empty() {
        facts.push(unread(&open).seen(defaults.clone()));
    } else {
        let open: Vec<Open<'_>> = open.into_iter().map(|namespace| judge(seen, namespace)).collect();
        let (fit, unfit): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|of| of.fits > PodSecurity::Privileged);
        facts.extend(could(&fit).map(|fact| fact.seen(defaults.clone())));
        facts.extend(cannot(&unfit).map(|fact| fact.seen(defaults)));
    }
    facts.extend(good(&enforcing, &system, facts.is_empty()));
    facts
}

fn judge<'c>(seen: &Seen<'c>, namespace: &'c Namespace) -> Open<'c> {
    let inside = seen.cluster.workloads.iter();
    let inside = inside.filter(|of| !of.ended && of.meta.namespace == namespace.meta.name);
    let mut open = Open { namespace, fits: PodSecurity::Restricted, looked: 0, against: BTreeMap::new() };
    for workload in inside {
        open.looked += 1;
        open.fits = open.fits.min(workload.spec.refused.admitted());
        for control in workload.spec.refused.by(PodSecurity::Baseline) {
            open.against.entry(control).or_default().push(workload);
        }
    }
    if open.looked == 0 {
        // Nothing says what will run there: the level that ordinary programs keep.
        open.fits = PodSecurity::Baseline;
    }
    open
}

/// `namespace shop: no label enforce; `, and how its labels are now.
fn labelled(namespace: &Namespace) -> String {
    let labels = &namespace.labels;
    let now = match &labels.enforce {
        Some(level) => format!("enforces {level}"),
        None => "no enforce label".into(),
    };
    let others = [("audit", &labels.audit), ("warn", &labels.warn)];
    let others = others.into_iter().filter_map(|(key, level)| Some(format!(", {key}={}", level.as_ref()?)));
    format!("namespace {}: {now}{}", namespace.meta.name, others.collect::<String>())
}

fn could(open: &[Open<'_>]) -> Option<Fact> {
    if open.is_empty() {
        return None;
    }
    let line = |of: &Open<'_>| {
        let why = match of.looked {
            0 => "no pods".to_owned(),
            1 => format!("its one pod or template keeps {}", of.fits.as_str()),
            count => format!("its {count} pods and templates keep {}", of.fits.as_str()),
        };
        format!("{}; {why}", labelled(of.namespace))
    };
    let title = "Namespaces enforce no level of Pod Security, and what runs there would keep one";
    let mut fact = Fact::bad("pod-security-open", Severity::Medium, title).seen(open.iter().map(line)).fix(
        "Label them. The dry run asks the server's own admission, which warns of every pod that would be refused; pods \
         that run go on in any case, and only new ones are refused",
    );
    for of in open {
        let step = steps::label(of.namespace, of.fits);
        fact.commands.extend(step.apply.clone());
        fact.steps.push(step);
    }
    Some(fact)
}

fn cannot(open: &[Open<'_>]) -> Option<Fact> {
    if open.is_empty() {
        return None;
    }
    let line = |of: &Open<'_>| {
        let reasons: Vec<String> =
            of.against.iter().map(|(control, workloads)| reason(*control, workloads)).collect();
        format!("{}; needs the node: {}", labelled(of.namespace), reasons.join("; "))
    };
    let title = "Namespaces enforce no level of Pod Security, and some of their pods need the node";
    let mut fact = Fact::bad("pod-security-needed", Severity::Low, title).seen(open.iter().map(line)).fix(
        "Move those pods to a namespace of their own, so that the rest can be labelled; until then let the server warn, \
         which refuses nothing",
    );
    for of in open {
        let step = steps::warn(of.namespace);
        fact.commands.extend(step.apply.clone());
        fact.steps.push(step);
    }
    Some(fact)
}

/// `a hostPath volume (DaemonSet shop/logs, Pod shop/logs-1 and 3 more)`.
fn reason(control: Control, workloads: &[&Workload]) -> String {
    let names: Vec<String> =
        workloads.iter().take(NAMED).map(|of| format!("{} {}", of.kind.as_str(), of.meta.name)).collect();
    let more = match workloads.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} ({}{more})", control.words(), names.join(", "))
}

fn unread(open: &[&Namespace]) -> Fact {
    let commands = open.iter().map(|of| {
        format!("kubectl label --dry-run=server --overwrite namespace {} {ENFORCE}=baseline", of.meta.name)
    });
    let title = "Namespaces enforce no level of Pod Security; which they would keep could not be seen";
    let how = "let this account list pods, or ask the server's own admission by the dry runs: it warns of every pod that \
               would be refused";
    let mut fact = Fact::unknown("pod-security-open", title, how).seen(open.iter().map(|of| labelled(of)));
    fact.commands = commands.collect();
    fact
}

fn good(enforcing: &[&Namespace], system: &[&Namespace], all: bool) -> Option<Fact> {
    let left_out = system
        .iter()
        .map(|of| format!("left out: {}, whose pods are the cluster's own and need the node", labelled(of)));
    let line = |of: &&Namespace| {
        let pinned = of.labels.enforce_version.as_deref().filter(|version| *version != "latest");
        let pinned = pinned.map_or(String::new(), |version| format!(" as of {version}"));
        format!("{}{pinned}", labelled(of))
    };
    let evidence = enforcing.iter().map(line).chain(left_out);
    match (enforcing.is_empty(), all) {
        (true, false) => None,
        (true, true) => Some(
            Fact::good("pod-security", "There are no namespaces beside the cluster's own").seen(evidence),
        ),
        (false, _) => {
            Some(Fact::good("pod-security", "Namespaces enforce a level of Pod Security").seen(evidence))
        }
    }
}
