//! Accounts' tokens: how long they are good, for whom, and who uses them past their time.

use sundew_posture::{
    Severity,
    model::{Cluster, Token, VolumeKind, Workload},
};

use super::{Fact, Seen, Server, heard::lasting, how::What};

/// A token in a pod that lives longer than this is told of.
const DAY: i64 = 86_400;

pub(super) fn facts(seen: &Seen<'_>, servers: &[Server]) -> Vec<Fact> {
    let mut facts = vec![in_pods(seen, servers)];
    if !(servers.is_empty() && seen.is_service()) {
        facts.push(extension(seen, servers));
        facts.push(longest(seen, servers));
        facts.push(audiences(seen, servers));
    } else {
        let title = "Whether pods' tokens stay good past their hour could not be seen";
        let how = "A pod's token, decoded: `exp` lies an hour after `iat`, or far more";
        facts.push(Fact::unknown("token-extension", title, how));
    }
    facts
}

/// Tokens that pods ask for, with who does.
fn projected(cluster: &Cluster) -> impl Iterator<Item = (&Workload, &Token)> {
    let workloads = cluster.workloads.iter().filter(|workload| !workload.ended);
    workloads.flat_map(|workload| {
        let tokens = workload.spec.volumes.iter().filter_map(|volume| match &volume.kind {
            VolumeKind::Projected { tokens, .. } => Some(tokens),
            _ => None,
        });
        tokens.flatten().map(move |token| (workload, token))
    })
}

fn in_pods(seen: &Seen<'_>, servers: &[Server]) -> Fact {
    const ID: &str = "token-lifetimes";
    if seen.cluster.lacks("pods") {
        let how = "let this account list pods, or give --from a dump that has them";
        return Fact::unknown(ID, "How long pods' tokens are good could not be seen", how);
    }
    let own: Vec<&str> = servers.iter().flat_map(own_audiences).collect();
    let mut long = Vec::new();
    let mut worst = Severity::Low;
    for (workload, token) in projected(seen.cluster).filter(|(_, token)| token.seconds > DAY) {
        let whom = match token.audience.as_deref() {
            None => "for the API server".to_owned(),
            Some(audience) if own.contains(&audience) => format!("for `{audience}`, which is the API server"),
            Some(audience) => format!("for `{audience}`"),
        };
        if token.audience.as_deref().is_none_or(|audience| own.contains(&audience)) {
            worst = Severity::Medium;
        }
        let seconds = u64::try_from(token.seconds).unwrap_or_default();
        let line = format!(
            "{} {}: {} {whom}, file {}",
            workload.kind.as_str(),
            workload.meta,
            lasting(seconds),
            token.path
        );
        if !long.contains(&line) {
            long.push(line);
        }
    }
    if long.is_empty() {
        return Fact::good(ID, "No pod asks for a token that lives longer than a day");
    }
    Fact::bad(ID, worst, "Pods ask for tokens that live longer than a day").seen(long).fix(
        "Set expirationSeconds of the projected token to 3600: the kubelet renews it, and the program must read the file \
         anew",
    )
}

/// For whom the API server takes tokens: `--api-audiences`, else the issuer.
fn own_audiences(server: &Server) -> Vec<&str> {
    let named = server.list("api-audiences");
    if named.is_empty() { server.get("service-account-issuer").into_iter().collect() } else { named }
}

fn extension(seen: &Seen<'_>, servers: &[Server]) -> Fact {
    const ID: &str = "token-extension";
    let flag = "service-account-extend-token-expiration";
    if servers.is_empty() {
        let title = "Whether pods' tokens stay good past their hour could not be seen";
        return Fact::unknown(ID, title, seen.how(What::Flags));
    }
    let evidence: Vec<String> = servers.iter().map(|server| server.shows(flag, "true")).collect();
    if servers.iter().all(|server| !server.is(flag, true)) {
        return Fact::good(ID, "Pods' tokens are good for an hour").seen(evidence);
    }
    let fact =
        Fact::bad(ID, Severity::Medium, "A pod's token is asked for an hour and stays good for a year")
            .seen(evidence);
    let Some(heard) = &seen.heard else {
        return fact.fix(
            "Set --service-account-extend-token-expiration=false, once nobody uses a token past its hour: --logs FILE \
             says who does (annotation authentication.k8s.io/stale-token)",
        );
    };
    let stale = heard.stale();
    if !stale.is_empty() {
        return fact.seen(stale).fix(
            "First update these to a client that reads its token anew, or restart them each hour; then set \
             --service-account-extend-token-expiration=false. Until then they would be locked out",
        );
    }
    if !seen.heard_enough {
        let short =
            format!("audit logs of {}: nobody, but they reach not as far back as --window", heard.span());
        return fact.seen([short]).fix(
            "Give --logs with more of the past: only then it is known that nobody uses a token past its hour, and \
             --service-account-extend-token-expiration=false locks nobody out",
        );
    }
    let mut fact = fact
        .seen([format!("audit logs of {}: nobody used a token past its hour", heard.span())])
        .fix("Set --service-account-extend-token-expiration=false");
    fact.set.push((flag.into(), "false".into()));
    fact
}

fn longest(seen: &Seen<'_>, servers: &[Server]) -> Fact {
    const ID: &str = "token-max";
    let flag = "service-account-max-token-expiration";
    if servers.is_empty() {
        let title = "How long a token may be asked for could not be seen";
        return Fact::unknown(ID, title, seen.how(What::Flags));
    }
    let evidence: Vec<String> = servers.iter().map(|server| server.shows(flag, "no limit")).collect();
    let unlimited = |server: &Server| server.get(flag).is_none_or(|value| matches!(value, "" | "0" | "0s"));
    if !servers.iter().any(unlimited) {
        return Fact::good(ID, "How long a token can be asked for is limited").seen(evidence);
    }
    let longest = projected(seen.cluster).map(|(_, token)| token.seconds).max().unwrap_or(3600);
    let needed = u64::try_from(longest).unwrap_or_default().max(86_400).div_ceil(3600);
    Fact::bad(ID, Severity::Low, "Whoever may ask for a token may ask for one that lives for years").seen(evidence).fix(
        format!(
            "Set --service-account-max-token-expiration={needed}h: no pod asks for more; longer requests then get a \
             token of that length. The API server warns at its start while tokens are extended to a year"
        ),
    )
}

fn audiences(seen: &Seen<'_>, servers: &[Server]) -> Fact {
    const ID: &str = "api-audiences";
    if servers.is_empty() {
        let title = "For whom the API server takes tokens could not be seen";
        return Fact::unknown(ID, title, seen.how(What::Flags));
    }
    let evidence: Vec<String> =
        servers.iter().map(|server| server.shows("api-audiences", "the issuer's name")).collect();
    let issuers: Vec<&str> =
        servers.iter().flat_map(|server| server.list("service-account-issuer")).collect();
    let own: Vec<&str> = servers.iter().flat_map(own_audiences).filter(|of| !issuers.contains(of)).collect();
    let mut shared: Vec<String> = projected(seen.cluster)
        .filter_map(|(workload, token)| {
            let audience = token.audience.as_deref().filter(|audience| own.contains(audience))?;
            Some(format!("{} {}: a token for `{audience}`", workload.kind.as_str(), workload.meta))
        })
        .collect();
    shared.dedup();
    if shared.is_empty() {
        return Fact::good(ID, "Tokens for others are not taken by the API server").seen(evidence);
    }
    Fact::bad(
        ID,
        Severity::Medium,
        "Tokens that pods ask for to show to others are good at the API server too",
    )
    .seen(evidence)
    .seen(shared)
    .fix("Take those audiences out of --api-audiences, or give the pods' tokens one of their own")
}
