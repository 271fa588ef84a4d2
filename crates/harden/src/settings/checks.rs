//! Flags of the API server, one by one.

use sundew_posture::{
    Severity,
    model::{Platform, Version},
};

use super::{Fact, Seen, Server, how::What};

/// One flag, or a few that belong together.
struct Check {
    id: &'static str,
    /// What is so where it is as it should be.
    good: &'static str,
    /// What is so where it is not.
    bad: &'static str,
    /// What is not known where no flag was seen.
    unseen: &'static str,
    severity: Severity,
    /// What it is read from, with what Kubernetes takes where nothing is set.
    flags: &'static [(&'static str, &'static str)],
    is_good: fn(&Server) -> bool,
    fix: &'static str,
    /// What can be set without a look at anything else.
    set: &'static [(&'static str, &'static str)],
    /// The first version that has the flag no more.
    until: Option<Version>,
}

const fn version(minor: u16) -> Version {
    Version { major: 1, minor }
}

/// Defaults: `pkg/kubeapiserver/options/{authentication,authorization,plugins}.go`, `apiserver/pkg/server/options`.
const CHECKS: &[Check] = &[
    Check {
        id: "node-restriction",
        good: "A node's credential can change that node and its pods alone",
        unseen: "Whether a node's credential can change other nodes",
        bad: "A node's credential can change every other node and its labels",
        severity: Severity::High,
        flags: &[("enable-admission-plugins", "that NodeRestriction is off")],
        is_good: |server| has_plugin(server, "NodeRestriction"),
        fix: "Add NodeRestriction to --enable-admission-plugins",
        set: &[("enable-admission-plugins", "+NodeRestriction")],
        until: None,
    },
    Check {
        id: "pod-security-admission",
        good: "Pod Security's labels are enforced",
        unseen: "Whether Pod Security's labels are enforced",
        bad: "Pod Security is turned off: the labels of namespaces do nothing",
        severity: Severity::High,
        flags: &[("disable-admission-plugins", "that PodSecurity is on")],
        is_good: |server| !server.list("disable-admission-plugins").contains(&"PodSecurity"),
        fix: "Take PodSecurity out of --disable-admission-plugins",
        set: &[],
        until: None,
    },
    Check {
        id: "external-ips",
        good: "Services cannot take over addresses of others by externalIPs",
        unseen: "Whether Services can take over addresses of others by externalIPs",
        bad: "Whoever may write Services can take over traffic of others by externalIPs",
        severity: Severity::Low,
        flags: &[("enable-admission-plugins", "that DenyServiceExternalIPs is off")],
        is_good: |server| has_plugin(server, "DenyServiceExternalIPs"),
        fix: "Add DenyServiceExternalIPs to --enable-admission-plugins, where `kubectl get services -A -o \
              jsonpath='{.items[*].spec.externalIPs}'` prints nothing: Services that have some keep them, and new \
              ones are refused",
        set: &[],
        until: None,
    },
    Check {
        id: "profiling",
        good: "Profiles of the API server are not served",
        unseen: "Whether profiles of the API server are served",
        bad: "Profiles of the API server are served to whoever may ask for /debug/pprof",
        severity: Severity::Low,
        flags: &[("profiling", "true")],
        is_good: |server| !server.is("profiling", true),
        fix: "Set --profiling=false",
        set: &[("profiling", "false")],
        until: None,
    },
    Check {
        id: "insecure-port",
        good: "There is no port without authentication",
        unseen: "Whether there is a port without authentication",
        bad: "A port of the API server asks for no credential and allows everything",
        severity: Severity::Critical,
        flags: &[("insecure-port", "port 8080, before 1.20")],
        is_good: |server| server.get("insecure-port") == Some("0"),
        fix: "Set --insecure-port=0",
        set: &[("insecure-port", "0")],
        until: Some(version(20)),
    },
    Check {
        id: "static-tokens",
        good: "No tokens are read from a file",
        unseen: "Whether tokens are read from a file",
        bad: "Tokens from a file are good for ever: no expiry, no revocation without a restart",
        severity: Severity::High,
        flags: &[("token-auth-file", "")],
        is_good: |server| !server.has("token-auth-file"),
        fix: "Move its users to client certificates, OIDC or TokenRequest, and take --token-auth-file away",
        set: &[],
        until: None,
    },
    Check {
        id: "static-passwords",
        good: "No passwords are read from a file",
        unseen: "Whether passwords are read from a file",
        bad: "Passwords are read from a file",
        severity: Severity::High,
        flags: &[("basic-auth-file", "")],
        is_good: |server| !server.has("basic-auth-file"),
        fix: "Move its users to client certificates, OIDC or TokenRequest, and take --basic-auth-file away",
        set: &[],
        until: Some(version(19)),
    },
    Check {
        id: "token-lookup",
        good: "A deleted account's tokens are refused",
        unseen: "Whether a deleted account's tokens are refused",
        bad: "Tokens of deleted accounts and Secrets stay good",
        severity: Severity::High,
        flags: &[("service-account-lookup", "true")],
        is_good: |server| server.is("service-account-lookup", true),
        fix: "Set --service-account-lookup=true",
        set: &[("service-account-lookup", "true")],
        until: None,
    },
    Check {
        id: "bootstrap-tokens",
        good: "Bootstrap tokens are not taken",
        unseen: "Whether bootstrap tokens are taken",
        bad: "Bootstrap tokens are taken: who has one, or may create Secrets in kube-system, can become a node",
        severity: Severity::Info,
        flags: &[("enable-bootstrap-token-auth", "false")],
        is_good: |server| !server.is("enable-bootstrap-token-auth", false),
        fix: "Needed while nodes join by kubeadm; see that none lies around: `kubeadm token list`. Where none is, set \
              --enable-bootstrap-token-auth=false",
        set: &[],
        until: None,
    },
    Check {
        id: "kubelet-certificates",
        good: "The API server checks the kubelets' certificates",
        unseen: "Whether the API server checks the kubelets' certificates",
        bad: "The API server does not check the kubelets' certificates: who stands between sees logs and exec",
        severity: Severity::Medium,
        flags: &[("kubelet-certificate-authority", "any certificate is taken")],
        is_good: |server| server.has("kubelet-certificate-authority"),
        fix: "First set `serverTLSBootstrap: true` in every kubelet's configuration and approve its \
              CertificateSigningRequest (`kubectl certificate approve`), else logs and exec stop to work; then set \
              --kubelet-certificate-authority to the cluster's CA",
        set: &[],
        until: None,
    },
    Check {
        id: "etcd-tls",
        good: "etcd is spoken to with certificates on both sides",
        unseen: "Whether etcd is spoken to with certificates",
        bad: "etcd is spoken to without certificates: whoever reaches it reads and writes everything",
        severity: Severity::High,
        flags: &[("etcd-servers", ""), ("etcd-cafile", ""), ("etcd-certfile", ""), ("etcd-keyfile", "")],
        is_good: |server| {
            let certified =
                ["etcd-cafile", "etcd-certfile", "etcd-keyfile"].iter().all(|flag| server.has(flag));
            // A socket of the node is reached by nobody else.
            let local = |url: &&str| url.starts_with("unix:");
            let servers = server.list("etcd-servers");
            servers.iter().all(local) || (certified && servers.iter().all(|url| !url.starts_with("http://")))
        },
        fix: "Give etcd certificates (--client-cert-auth, --cert-file, --key-file, --trusted-ca-file) and the API \
              server --etcd-cafile, --etcd-certfile and --etcd-keyfile, with https:// in --etcd-servers",
        set: &[],
        until: None,
    },
    Check {
        id: "audit",
        good: "An audit policy and a backend are set; `sundew policy lint --apiserver` says what they lose",
        unseen: "Whether an audit log is written",
        bad: "No audit log is written: nobody can see afterwards who did what, and most detections are blind",
        severity: Severity::High,
        flags: &[("audit-policy-file", ""), ("audit-log-path", ""), ("audit-webhook-config-file", "")],
        is_good: |server| {
            server.has("audit-policy-file")
                && (server.has("audit-log-path") || server.has("audit-webhook-config-file"))
        },
        fix: "`sundew policy generate` writes the policy and the flags that it needs",
        set: &[],
        until: None,
    },
];

fn has_plugin(server: &Server, plugin: &str) -> bool {
    // `--admission-control` is the old name, with all plugins in their order.
    let on = ["enable-admission-plugins", "admission-control"];
    on.iter().any(|flag| server.list(flag).contains(&plugin))
        && !server.list("disable-admission-plugins").contains(&plugin)
}

pub(super) fn facts(seen: &Seen<'_>, servers: &[Server]) -> Vec<Fact> {
    if servers.is_empty() && seen.is_service() {
        return of_service(seen);
    }
    let mut facts = vec![authorization(seen, servers)];
    facts.extend(
        CHECKS.iter().filter(|check| applies(check, seen, servers)).map(|check| fact(check, seen, servers)),
    );
    facts
}

/// Whether a flag is one of this version: set, or not gone yet.
fn applies(check: &Check, seen: &Seen<'_>, servers: &[Server]) -> bool {
    let Some(until) = check.until else { return true };
    let set = check.flags.iter().any(|(flag, _)| servers.iter().any(|server| server.get(flag).is_some()));
    set || seen.cluster.version.is_some_and(|version| version < until)
}

fn fact(check: &Check, seen: &Seen<'_>, servers: &[Server]) -> Fact {
    if servers.is_empty() {
        let what = if check.id == "audit" { What::Audit } else { What::Flags };
        let title = format!("{} could not be seen", check.unseen);
        return Fact::unknown(check.id, title, seen.how(what));
    }
    let wrong: Vec<&Server> = servers.iter().filter(|server| !(check.is_good)(server)).collect();
    let of = if wrong.is_empty() { servers.iter().collect() } else { wrong.clone() };
    let evidence =
        of.iter().flat_map(|server| check.flags.iter().map(|(flag, default)| server.shows(flag, default)));
    if wrong.is_empty() {
        return Fact::good(check.id, check.good).seen(evidence);
    }
    let mut fact = Fact::bad(check.id, check.severity, check.bad).seen(evidence).fix(check.fix);
    fact.set =
        check.set.iter().map(|(flag, value)| ((*flag).to_owned(), set(wrong[0], flag, value))).collect();
    fact
}

/// The value to set: one that begins with `+` joins the list that is there.
fn set(server: &Server, flag: &str, value: &str) -> String {
    let Some(plugin) = value.strip_prefix('+') else { return value.to_owned() };
    let mut all = server.list(flag);
    all.push(plugin);
    all.join(",")
}

/// Whether every request is allowed by this server.
pub(super) fn allows_all(seen: &Seen<'_>, server: &Server) -> bool {
    modes(seen, server)
        .is_some_and(|modes| modes.is_empty() || modes.iter().any(|mode| mode == "AlwaysAllow"))
}

/// The authorizers, in their order; nothing where they stand in a file that was not given.
fn modes(seen: &Seen<'_>, server: &Server) -> Option<Vec<String>> {
    if server.has("authorization-config") {
        return seen.declared.authorization.as_ref().map(|given| given.types.clone());
    }
    Some(server.list("authorization-mode").into_iter().map(str::to_owned).collect())
}

fn authorization(seen: &Seen<'_>, servers: &[Server]) -> Fact {
    const ID: &str = "authorization";
    let unknown = "Which authorizers allow requests could not be seen";
    if servers.is_empty() {
        return Fact::unknown(ID, unknown, seen.how(What::Flags));
    }
    let configured = |server: &&Server| server.has("authorization-config");
    let shows = |server: &Server| match (&seen.declared.authorization, configured(&server)) {
        (Some(given), true) => format!("{}: {}", given.seen, given.types.join(", ")),
        (None, true) => server.shows("authorization-config", ""),
        (_, false) => server.shows("authorization-mode", "AlwaysAllow"),
    };
    let evidence: Vec<String> = servers.iter().map(shows).collect();
    if servers.iter().any(|server| allows_all(seen, server)) {
        return Fact::bad(ID, Severity::Critical, "Every request is allowed, whoever sends it")
            .seen(evidence)
            .fix("Set --authorization-mode=Node,RBAC, once `sundew scan` shows that everybody has the rights they need");
    }
    let all: Vec<_> = servers.iter().map(|server| modes(seen, server)).collect();
    if all.iter().any(Option::is_none) {
        let how =
            "--apiserver takes the file that --authorization-config names too, behind the flags after ---";
        return Fact::unknown(ID, unknown, how).seen(evidence);
    }
    let lacks = |mode: &str| all.iter().flatten().any(|modes| !modes.iter().any(|m| m == mode));
    if lacks("RBAC") {
        return Fact::bad(
            ID,
            Severity::High,
            "RBAC does not decide here: what roles and bindings say is not what holds",
        )
        .seen(evidence)
        .fix("Set --authorization-mode=Node,RBAC");
    }
    // k3s and RKE2 have it; where a cloud's own webhook stands in for it, the file would say so.
    if lacks("Node") {
        return Fact::bad(
            ID,
            Severity::Medium,
            "Nodes are allowed by roles: each can read what all nodes may",
        )
        .seen(evidence)
        .fix("Set --authorization-mode=Node,RBAC and take the bindings of group system:nodes away");
    }
    Fact::good(ID, "Node and RBAC decide what is allowed").seen(evidence)
}

/// What is said of a control plane that somebody else runs.
fn of_service(seen: &Seen<'_>) -> Vec<Fact> {
    let platform = seen.platform().unwrap_or(Platform::Eks);
    let audit = Fact::unknown(
        "audit",
        "Whether audit logs are kept could not be seen from the cluster",
        seen.how(What::Audit),
    );
    let flags = Fact::unknown(
        "control-plane",
        format!(
            "{platform} runs the control plane: the flags of its API server are not shown in the cluster"
        ),
        seen.how(What::Flags),
    );
    vec![audit, flags]
}
