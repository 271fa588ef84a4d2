//! Requests without a credential: whether they are let in, and how far.

use sundew_posture::{
    Severity,
    model::{Platform, Version},
};

use super::{
    Fact, Seen, Server, State,
    how::What,
    steps::{self, CLUSTER_INFO},
};

/// What the server answered to a request without a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It did what was asked (200).
    Allowed,
    /// It asks for a credential (401).
    Unauthorized,
    /// Whoever is unknown may not (403), in the server's words.
    Forbidden(String),
    /// Something else, in words.
    Other(String),
}

/// What an AuthenticationConfiguration says of requests without a credential (apiserver.config.k8s.io `types.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// The file.
    pub seen: String,
    /// Whether they are let in, and at which paths alone (at all where there are none); nothing where the file says
    /// nothing of it.
    pub anonymous: Option<(bool, Vec<String>)>,
}

/// How far they are let in. Ordered: the last is the worst.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Open {
    No,
    At(Vec<String>),
    Yes,
}

const ID: &str = "anonymous-requests";
/// Paths that say nothing of what is in the cluster.
const HEALTH: [&str; 4] = ["/livez", "/readyz", "/healthz", "/version"];
/// From here on single paths can be opened without a feature gate (`AnonymousAuthConfigurableEndpoints`).
const BY_PATH: Version = Version { major: 1, minor: 32 };
/// From here on the configuration is `v1`.
const V1: Version = Version { major: 1, minor: 34 };

pub(super) fn fact(seen: &Seen<'_>, servers: &[Server]) -> Fact {
    let mut evidence = Vec::new();
    let mut worst: Option<Open> = None;
    let mut unseen = false;
    for server in servers {
        match of_server(seen, server, &mut evidence) {
            Some(open) => worst = worst.max(Some(open)),
            None => unseen = true,
        }
    }
    let probed = probed(&seen.answers, &mut evidence);
    worst = worst.max(probed.clone());
    if probed.is_none() && (unseen || servers.is_empty()) && worst != Some(Open::Yes) {
        let title = "Whether requests without a credential are let in could not be seen";
        return Fact::unknown(ID, title, seen.how(What::Anonymous)).seen(evidence);
    }
    match worst.unwrap_or(Open::No) {
        Open::No => Fact::good(ID, "Requests without a credential are refused").seen(evidence),
        Open::At(paths) => limited(&paths).seen(evidence),
        Open::Yes => open(seen, servers).seen(evidence),
    }
}

/// What an API server's flags say; nothing where they name a file that was not given.
fn of_server(seen: &Seen<'_>, server: &Server, evidence: &mut Vec<String>) -> Option<Open> {
    if server.has("authentication-config") {
        let Some(given) = &seen.declared.authentication else {
            evidence.push(format!(
                "{}, and what stands in that file was not given: --apiserver takes it too, behind the flags after ---",
                server.shows("authentication-config", "")
            ));
            return None;
        };
        if let Some((enabled, paths)) = &given.anonymous {
            let (open, what) = match (enabled, paths.as_slice()) {
                (false, _) => (Open::No, "anonymous.enabled: false".to_owned()),
                (true, []) => (Open::Yes, "anonymous.enabled: true, with no conditions".to_owned()),
                (true, paths) => (
                    Open::At(paths.to_vec()),
                    format!("anonymous.enabled: true, for {} alone", paths.join(", ")),
                ),
            };
            evidence.push(format!("{}: {what}", given.seen));
            return Some(open);
        }
    }
    evidence.push(server.shows("anonymous-auth", "true"));
    // Told to let everybody do everything, the API server lets nobody in without a credential
    // (`pkg/kubeapiserver/options/authentication.go`, `ApplyAuthorization`).
    if !server.has("authorization-config") && super::checks::allows_all(seen, server) {
        evidence.push(format!(
            "{}, with which nobody is let in without a credential",
            server.shows("authorization-mode", "AlwaysAllow")
        ));
        return Some(Open::No);
    }
    Some(if server.is("anonymous-auth", true) { Open::Yes } else { Open::No })
}

/// What the answers say, with each of them as evidence.
fn probed(answers: &[(String, Answered)], evidence: &mut Vec<String>) -> Option<Open> {
    let mut open = None;
    let mut allowed = Vec::new();
    for (path, answer) in answers {
        let words = match answer {
            Answered::Allowed => {
                allowed.push(path.clone());
                "allowed (200)".to_owned()
            }
            Answered::Unauthorized => {
                open = open.max(Some(Open::No));
                "a credential is asked for (401)".to_owned()
            }
            Answered::Forbidden(message) if message.contains("system:anonymous") => {
                open = open.max(Some(Open::Yes));
                "let in as system:anonymous, and may not (403)".to_owned()
            }
            Answered::Forbidden(message) => {
                format!("refused by something that knows no system:anonymous (403: {message})")
            }
            Answered::Other(words) => words.clone(),
        };
        evidence.push(format!("asked without a credential: GET {path}: {words}"));
    }
    let inner = |path: &String| !HEALTH.contains(&path.as_str());
    match open {
        open if allowed.is_empty() => open,
        // Some were asked for a credential, and these not.
        Some(Open::No) => Some(Open::At(allowed)),
        None if !allowed.iter().any(inner) => Some(Open::At(allowed)),
        _ => Some(Open::Yes),
    }
}

fn limited(paths: &[String]) -> Fact {
    let wider: Vec<&str> = paths
        .iter()
        .map(|path| path.split('?').next().unwrap_or_default())
        .filter(|path| !HEALTH.contains(path) && *path != CLUSTER_INFO)
        .collect();
    if wider.is_empty() {
        return Fact::good(
            ID,
            "Requests without a credential are let in at paths of health and version alone",
        );
    }
    let title = format!("Requests without a credential are let in at {}", wider.join(", "));
    let severity =
        if wider.iter().any(|path| path.starts_with("/api")) { Severity::High } else { Severity::Low };
    Fact::bad(ID, severity, title)
        .fix("Take these paths out of `anonymous.conditions` of the AuthenticationConfiguration")
}

fn open(seen: &Seen<'_>, servers: &[Server]) -> Fact {
    let allowed = |wanted: &str| {
        seen.answers.iter().any(|(path, answer)| path.starts_with(wanted) && *answer == Answered::Allowed)
    };
    let always = servers.iter().any(|server| super::checks::allows_all(seen, server));
    let blind = seen.cluster.lacks("clusterrolebindings") || seen.cluster.lacks("rolebindings");
    let (severity, how_far) = match () {
        () if always => (Severity::Critical, ", and every request is allowed"),
        () if allowed("/api/v1/namespaces") => (Severity::Critical, ", and may read what is in the cluster"),
        () if allowed("/api") => (Severity::High, ", and may look around in the API"),
        () if blind => (Severity::Medium, "; what they may do could not be seen"),
        // What Kubernetes itself lets them see is version and health; what else was bound is a fact of its own.
        () => (Severity::Low, ""),
    };
    let title = format!("Requests without a credential are let in as system:anonymous{how_far}");
    fix(seen, servers, Fact::bad(ID, severity, title))
}

fn fix(seen: &Seen<'_>, servers: &[Server], fact: Fact) -> Fact {
    if seen.is_service() {
        return fact
            .fix("The provider sets this; what can be changed is what anybody may do: see the rights below");
    }
    let by_path = seen.cluster.version.is_some_and(|version| version >= BY_PATH);
    let configured = servers.iter().any(|server| server.has("authentication-config"));
    if configured {
        return fact.fix(
            "Add `anonymous: {enabled: true, conditions: [{path: /livez}, {path: /readyz}, {path: /healthz}]}` to the \
             file that --authentication-config names, and restart the API servers one after the other: of what stands \
             there of `anonymous` a running one takes up nothing",
        );
    }
    if !by_path {
        return fact.fix(
            "Set --anonymous-auth=false, once the probes of the API server's own pod send a credential or ask a port \
             alone: kubeadm's do not, and the kubelet would restart the server for ever. From 1.32 on an \
             AuthenticationConfiguration closes everything but the paths of health",
        );
    }
    let v1 = seen.cluster.version.is_some_and(|version| version >= V1);
    let text = configuration(seen, v1);
    let mut fact = fact.fix(
        "Close everything but the paths of health, which the kubelet's probes and load balancers ask without a \
         credential: give the API server an AuthenticationConfiguration with `anonymous.conditions` and take \
         --anonymous-auth away",
    );
    let changes = !servers.is_empty() && seen.platform().is_none_or(|of| of != Platform::OpenShift);
    if changes && matches!(fact.state, State::Bad { .. }) {
        fact.steps.extend(steps::authentication(seen, text));
    }
    fact
}

fn configuration(seen: &Seen<'_>, v1: bool) -> String {
    let version = if v1 { "v1" } else { "v1beta1" };
    let mut text = format!(
        "# Without a credential only these paths are answered.\napiVersion: apiserver.config.k8s.io/{version}\nkind: \
         AuthenticationConfiguration\nanonymous:\n  enabled: true\n  conditions:\n"
    );
    for path in ["/livez", "/readyz", "/healthz"] {
        text.push_str(&format!("  - path: {path}\n"));
    }
    let joins = |name: &str| name == "kubeadm:bootstrap-signer-clusterinfo";
    if seen.cluster.bindings.iter().any(|binding| joins(&binding.meta.name)) {
        text.push_str("  # `kubeadm join` reads it before it has a credential.\n");
        text.push_str(&format!("  - path: {CLUSTER_INFO}\n"));
    }
    text
}
