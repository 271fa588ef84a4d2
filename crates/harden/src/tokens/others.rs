//! Tokens that expire, and live as long as if they did not.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_posture::{
    assess::{Way, tokens_of},
    rbac::{account_of, user_of},
};

use super::{Question, Uses, is_decoy, verdict::counted};

/// A token that lives longer than this is as good as a long-lived one, in seconds: a day.
pub(super) const LONG_SECONDS: i64 = 86_400;
/// The most that are told.
const MOST: usize = 200;

/// How such a token was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Other {
    /// Somebody asked TokenRequest for a long life.
    Requested,
    /// A token that is bound to no pod was used for longer than a day.
    Seen,
    /// A pod uses a token that it should have read anew long ago.
    Stale,
    /// A pod's projected volume asks for a long life.
    Projected,
}

/// A token that is as good as a long-lived one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AsGood {
    /// How it was found.
    pub kind: Other,
    /// The account's namespace.
    pub namespace: String,
    /// The account.
    pub account: String,
    /// How long it lives or lived, in seconds, as far as is known.
    pub seconds: i64,
    /// What is known, in one sentence.
    pub what: String,
    /// Where it was used from.
    pub used: Option<Uses>,
    /// The next step, in one sentence.
    pub next: String,
    /// When it was last seen.
    #[schemars(with = "Option<String>")]
    pub last: Option<Timestamp>,
}

/// All of them but those of decoys, longest first within each kind.
pub(super) fn others(question: &Question<'_>) -> Vec<AsGood> {
    let mut found = projected(question);
    if let Some(evidence) = question.evidence {
        found.extend(requested(&evidence.secrets));
        found.extend(seen(&evidence.secrets));
        found.extend(stale(&evidence.secrets));
    }
    found.retain(|one| !is_decoy(question.decoys, &user_of(&one.namespace, &one.account)));
    found.sort_by(|a, b| {
        (a.kind, -a.seconds, &a.namespace, &a.account, &a.what).cmp(&(
            b.kind,
            -b.seconds,
            &b.namespace,
            &b.account,
            &b.what,
        ))
    });
    found.truncate(MOST);
    found
}

fn projected(question: &Question<'_>) -> Vec<AsGood> {
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (workload, tokens) in tokens_of(question.cluster) {
        for token in &tokens {
            let Way::Projected { seconds, .. } = token.way else { continue };
            // Pods of one owner are alike.
            let object = workload.owner.as_ref().map_or_else(
                || format!("{} {}", workload.kind.as_str(), workload.meta.name),
                |owner| format!("{} {}", owner.kind, owner.name),
            );
            let namespace = workload.meta.namespace.to_string();
            if seconds <= LONG_SECONDS || !told.insert((namespace.clone(), object.clone(), seconds)) {
                continue;
            }
            let what =
                format!("{object} mounts one that lives for {}, as long as its pod does", life(seconds));
            let next =
                "lower expirationSeconds of the projected volume: the kubelet renews the token in time"
                    .to_owned();
            let account = token.account.to_string();
            found.push(AsGood {
                kind: Other::Projected,
                namespace,
                account,
                seconds,
                what,
                used: None,
                next,
                last: None,
            });
        }
    }
    found
}

fn requested(logs: &crate::evidence::SecretUses) -> Vec<AsGood> {
    let of = |(user, by, issued): (&str, &str, &crate::evidence::Issued)| {
        let (namespace, account) = account_of(user)?;
        let seconds = issued.longest.filter(|seconds| *seconds > LONG_SECONDS)?;
        let tokens = counted(i64::try_from(issued.tokens).unwrap_or(i64::MAX), "token");
        Some(AsGood {
            kind: Other::Requested,
            namespace: namespace.to_owned(),
            account: account.to_owned(),
            seconds,
            what: format!("{by} was given {tokens}, and asked for up to {}", life(seconds)),
            used: None,
            next: "ask for short ones and renew them; --longest makes the policy that denies long ones"
                .to_owned(),
            last: issued.last,
        })
    };
    logs.issued_tokens().filter_map(of).collect()
}

fn seen(logs: &crate::evidence::SecretUses) -> Vec<AsGood> {
    let of = |(_, loose): (&str, &crate::evidence::Loose)| {
        let (namespace, account) = account_of(&loose.user)?;
        let seconds = loose.age();
        (seconds > LONG_SECONDS).then(|| AsGood {
            kind: Other::Seen,
            namespace: namespace.to_owned(),
            account: account.to_owned(),
            seconds,
            what: format!("one that is bound to no pod was in use for {} and more", life(seconds)),
            used: Some(Uses::of(&loose.uses, true)),
            next: "renew it in time, and ask for a short life".to_owned(),
            last: loose.uses.last,
        })
    };
    logs.loose_tokens().filter_map(of).collect()
}

fn stale(logs: &crate::evidence::SecretUses) -> Vec<AsGood> {
    let of = |(user, stale): (&str, &crate::evidence::Stale)| {
        let (namespace, account) = account_of(user)?;
        // The API server lets the mounted ones live for a year for such clients, and warns from an hour on.
        Some(AsGood {
            kind: Other::Stale,
            namespace: namespace.to_owned(),
            account: account.to_owned(),
            seconds: stale.over,
            what: format!(
                "its client did not read its token anew for {} after it should have",
                life(stale.over)
            ),
            used: Some(Uses::of(&stale.uses, true)),
            next: "use a client library that reads the token file again; then turn \
                   --service-account-extend-token-expiration off"
                .to_owned(),
            last: stale.uses.last,
        })
    };
    logs.stale_tokens().filter_map(of).collect()
}

/// `90 minutes`, `26 hours`, `365 days`.
pub(super) fn life(seconds: i64) -> String {
    match seconds {
        0..7200 => counted(seconds / 60, "minute"),
        7200..172_800 => counted(seconds / 3600, "hour"),
        _ => counted(seconds / 86_400, "day"),
    }
}
