//! Kubelets: whether they ask for a credential, and whom they obey.

use serde::Deserialize;
use sundew_decoy::yaml;
use sundew_posture::Severity;

use super::{
    Fact, Seen, Server, SettingsError,
    declared::{broken, described, documents},
    how::What,
};

/// What a KubeletConfiguration says (kubelet.config.k8s.io/v1beta1 `types.go`), with the defaults that a file has
/// (`pkg/kubelet/apis/config/v1beta1/defaults.go`); flags of a kubelet without a file have others, and flags go before
/// the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubelet {
    /// Where it was read.
    pub seen: String,
    /// `authentication.anonymous.enabled`.
    anonymous: Option<bool>,
    /// `authorization.mode`.
    mode: Option<String>,
    /// `readOnlyPort`.
    read_only: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    read_only_port: Option<i64>,
    authentication: Option<Authentication>,
    authorization: Option<Authorization>,
    /// What a kubelet's /configz answers.
    kubeletconfig: Option<Box<Self>>,
    /// A ConfigMap's.
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    kubelet: Option<String>,
}

#[derive(Deserialize)]
struct Authentication {
    anonymous: Option<Enabled>,
}

#[derive(Deserialize)]
struct Enabled {
    enabled: Option<bool>,
}

#[derive(Deserialize)]
struct Authorization {
    mode: Option<String>,
}

const KIND: &str = "KubeletConfiguration";
const WANTED: &str = "a KubeletConfiguration";
const INSTEAD: &str = "/var/lib/kubelet/config.yaml of a node, or the ConfigMap kube-system/kubelet-config";
const VERSION: &str = "kubelet.config.k8s.io/v1beta1";

/// Reads a KubeletConfiguration, the ConfigMap that kubeadm keeps one in, or what a kubelet's `/configz` answers.
///
/// # Errors
///
/// Where it is none of these.
pub fn kubelet(file: &str, text: &str) -> Result<Kubelet, SettingsError> {
    read(file, &format!("file {file}"), text)
}

/// Reads what the key `kubelet` of the ConfigMap `seen` holds.
///
/// # Errors
///
/// As [`kubelet`].
pub fn kubelet_config_map(seen: &str, text: &str) -> Result<Kubelet, SettingsError> {
    read(seen, seen, text)
}

fn read(file: &str, seen: &str, text: &str) -> Result<Kubelet, SettingsError> {
    let other = |found: String| SettingsError::Kind {
        file: file.to_owned(),
        found,
        wanted: WANTED,
        instead: INSTEAD,
    };
    let Some(document) = documents(text).first().copied() else { return Err(other("empty".into())) };
    let parsed: File = yaml::read(document).map_err(|error| broken(file, WANTED, &error))?;
    if parsed.kind == "ConfigMap" {
        let inner = parsed.data.and_then(|data| data.kubelet);
        let inner = inner.ok_or_else(|| other("a ConfigMap without the key `kubelet`".into()))?;
        return read(file, seen, &inner);
    }
    let parsed = match parsed.kubeletconfig {
        Some(inner) => *inner,
        None if parsed.kind != KIND => return Err(other(described(&parsed.kind))),
        None if parsed.api_version != VERSION => {
            let (file, found) = (file.to_owned(), parsed.api_version);
            return Err(SettingsError::Version { file, kind: KIND, found, known: VERSION });
        }
        None => parsed,
    };
    Ok(Kubelet {
        seen: seen.to_owned(),
        anonymous: parsed.authentication.and_then(|of| of.anonymous?.enabled),
        mode: parsed.authorization.and_then(|of| of.mode).filter(|mode| !mode.is_empty()),
        read_only: parsed.read_only_port,
    })
}

/// One question to each kubelet.
struct Ask {
    id: &'static str,
    good: &'static str,
    bad: &'static str,
    unseen: &'static str,
    severity: Severity,
    is_good: fn(&Kubelet) -> bool,
    shows: fn(&Kubelet) -> String,
    fix: &'static str,
}

const ASKS: [Ask; 3] = [
    Ask {
        id: "kubelet-anonymous",
        good: "Kubelets refuse requests without a credential",
        unseen: "Whether kubelets take requests without a credential",
        bad: "Kubelets take requests without a credential",
        severity: Severity::High,
        is_good: |kubelet| kubelet.anonymous != Some(true),
        shows: |kubelet| match kubelet.anonymous {
            Some(enabled) => format!("authentication.anonymous.enabled: {enabled}"),
            None => "authentication.anonymous.enabled is not set, which means false in a file".into(),
        },
        fix: "Set authentication.anonymous.enabled: false in the KubeletConfiguration of every node and restart the \
              kubelet; with kubeadm in ConfigMap kube-system/kubelet-config, and `kubeadm upgrade node phase \
              kubelet-config` on each node",
    },
    Ask {
        id: "kubelet-authorization",
        good: "Kubelets ask the API server who may do what",
        unseen: "Whether kubelets ask the API server who may do what",
        bad: "Kubelets allow everything to everybody whom they let in: exec in every pod of the node",
        severity: Severity::Critical,
        is_good: |kubelet| kubelet.mode.as_deref() != Some("AlwaysAllow"),
        shows: |kubelet| match &kubelet.mode {
            Some(mode) => format!("authorization.mode: {mode}"),
            None => "authorization.mode is not set, which means Webhook in a file".into(),
        },
        fix: "Set authorization.mode: Webhook in the KubeletConfiguration of every node and restart the kubelet",
    },
    Ask {
        id: "kubelet-read-only-port",
        good: "Kubelets have no port that asks for no credential",
        unseen: "Whether kubelets have a port that asks for no credential",
        bad: "Kubelets show pods and metrics to everybody who reaches their read-only port",
        severity: Severity::Medium,
        is_good: |kubelet| kubelet.read_only.unwrap_or_default() == 0,
        shows: |kubelet| match kubelet.read_only {
            Some(port) => format!("readOnlyPort: {port}"),
            None => "readOnlyPort is not set, which means 0 (off) in a file".into(),
        },
        fix: "Set readOnlyPort: 0 in the KubeletConfiguration of every node, once what scrapes that port uses 10250 \
              with a token",
    },
];

pub(super) fn facts(seen: &Seen<'_>, _: &[Server]) -> Vec<Fact> {
    ASKS.iter().map(|ask| fact(ask, seen)).collect()
}

fn fact(ask: &Ask, seen: &Seen<'_>) -> Fact {
    if seen.kubelets.is_empty() {
        let title = format!("{} could not be seen", ask.unseen);
        return Fact::unknown(ask.id, title, seen.how(What::Kubelets)).seen(seen.kubelets_unread.clone());
    }
    let shows = |kubelet: &Kubelet| format!("{}: {}", kubelet.seen, (ask.shows)(kubelet));
    let wrong: Vec<&Kubelet> = seen.kubelets.iter().filter(|kubelet| !(ask.is_good)(kubelet)).collect();
    if wrong.is_empty() {
        let all = seen.kubelets.iter().map(shows);
        return Fact::good(ask.id, ask.good).seen(all);
    }
    // Who reads the port is seen, and everybody who is let in may do everything: together they are worse.
    let open = wrong
        .iter()
        .any(|kubelet| kubelet.anonymous == Some(true) && kubelet.mode.as_deref() == Some("AlwaysAllow"));
    let severity = if open { Severity::Critical } else { ask.severity };
    Fact::bad(ask.id, severity, ask.bad).seen(wrong.into_iter().map(shows)).fix(ask.fix)
}
