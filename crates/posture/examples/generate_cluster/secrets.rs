//! ServiceAccounts, and Secrets without their values.

use std::io;

use serde_json::{Value, json};

use super::{
    kit::{chance, day, meta, pick, uid},
    plan::Plan,
    write::Folder,
};

/// Other kinds of Secrets.
const TYPES: &[&str] = &[
    "Opaque",
    "Opaque",
    "Opaque",
    "kubernetes.io/tls",
    "kubernetes.io/dockerconfigjson",
    "helm.sh/release.v1",
];

/// ServiceAccounts.
pub(crate) fn accounts(plan: &Plan, folder: &Folder) -> io::Result<()> {
    let mut list = folder.list("serviceaccounts", "v1", "ServiceAccount")?;
    let all =
        plan.namespaces.iter().flat_map(|space| space.accounts.iter().map(move |account| (space, account)));
    for (number, (namespace, account)) in all.enumerate() {
        let mut rng = plan.rng("account", number);
        let mut meta = meta(&mut rng, &namespace.name, &account.name);
        if chance(&mut rng, 20) {
            let role = format!("arn:aws:iam::123456789012:role/{}", account.name);
            meta.insert("annotations".into(), json!({ "eks.amazonaws.com/role-arn": role }));
        }
        let mut object = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta });
        if let Some(automount) = account.automount {
            object["automountServiceAccountToken"] = automount.into();
        }
        let listed: Vec<Value> = account
            .tokens
            .iter()
            .filter(|(_, listed)| *listed)
            .map(|(name, _)| json!({ "name": name }))
            .collect();
        if !listed.is_empty() {
            object["secrets"] = listed.into();
        }
        if chance(&mut rng, 100) {
            object["imagePullSecrets"] = json!([{ "name": "registry" }]);
        }
        list.push(&object)?;
    }
    list.finish()
}

/// Secrets: long-lived tokens, and others up to the number wanted.
pub(crate) fn secrets(plan: &Plan, folder: &Folder) -> io::Result<()> {
    let mut list = folder.list("secrets", "v1", "Secret")?;
    let mut count = 0;
    for namespace in &plan.namespaces {
        for (account, (name, _)) in namespace
            .accounts
            .iter()
            .flat_map(|account| account.tokens.iter().map(move |token| (account, token)))
        {
            let mut rng = plan.rng("token", count);
            let mut meta = meta(&mut rng, &namespace.name, name);
            let of = json!({
                "kubernetes.io/service-account.name": account.name,
                "kubernetes.io/service-account.uid": uid(&mut rng),
            });
            meta.insert("annotations".into(), of);
            let used = match rng.u32(..10) {
                0..4 => Some(format!("2026-11-{:02}", rng.u8(1..=21))),
                4..8 => Some(day(&mut rng)),
                _ => None,
            };
            if let Some(used) = used {
                let mut labels = json!({ "kubernetes.io/legacy-token-last-used": used });
                if chance(&mut rng, 20) {
                    labels["kubernetes.io/legacy-token-invalid-since"] = day(&mut rng).into();
                }
                meta.insert("labels".into(), labels);
            }
            let kind = "kubernetes.io/service-account-token";
            list.push(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": kind }))?;
            count += 1;
        }
    }
    for number in count..plan.scaled(6000) {
        let mut rng = plan.rng("secret", number);
        let namespace = plan.any_namespace(&mut rng).name.clone();
        let meta = meta(&mut rng, &namespace, &format!("settings-{number}"));
        let kind = pick(&mut rng, TYPES);
        list.push(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": kind }))?;
    }
    list.finish()
}
