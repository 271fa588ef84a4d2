//! Whether what a plan makes is sound: objects that Kubernetes takes, that fit together, and that open no hole.

use std::collections::BTreeSet;

use serde_json::Value;

use super::build::{ACCOUNT_NAME, Built, TOKEN_TYPE};
use crate::{
    Object, Part,
    inventory::{is_label, is_subdomain},
    kinds,
    persona::Right,
};

/// The problem, with its place, in words.
type Sound = Result<(), String>;

/// What the objects of one plan may refer to.
struct Among<'b> {
    namespace: &'b str,
    account: &'b str,
    rights: &'b [Right],
    secrets: BTreeSet<&'b str>,
    configs: BTreeSet<&'b str>,
    /// Kind and name.
    roles: BTreeSet<(&'b str, &'b str)>,
}

pub(super) fn check(built: &[Built], namespace: &str, account: &str, rights: &[Right]) -> Sound {
    let objects = || built.iter().map(|built| &built.planned.object);
    let named = |kind: &'static str| {
        objects().filter(move |object| object.kind == kind).map(|object| object.name.as_str()).collect()
    };
    let among = Among {
        namespace,
        account,
        rights,
        secrets: named("Secret"),
        configs: named("ConfigMap"),
        roles: objects()
            .filter(|object| object.kind.ends_with("Role"))
            .map(|object| (object.kind.as_str(), object.name.as_str()))
            .collect(),
    };
    let mut seen = BTreeSet::new();
    for Built { planned, .. } in built {
        let object = &planned.object;
        let at = format!("{} `{}`", object.kind, object.name);
        if !seen.insert((&object.kind, &object.name)) {
            return Err(format!("{at} comes out twice"));
        }
        among.object(object, &planned.manifest).map_err(|problem| format!("{at}: {problem}"))?;
    }
    Ok(())
}

impl Among<'_> {
    fn object(&self, object: &Object, manifest: &Value) -> Sound {
        let Some(kind) = kinds::of(&object.kind).filter(|kind| kind.api_version == object.api_version) else {
            return Err(format!("is no kind that a decoy can have ({})", kinds::names()));
        };
        name(object)?;
        let expected = kind.namespaced.then_some(self.namespace);
        if object.namespace.as_deref() != expected {
            return Err(match expected {
                Some(namespace) => format!("must be in namespace `{namespace}`"),
                None => "belongs to the cluster as a whole and can have no namespace".into(),
            });
        }
        metadata(&manifest["metadata"])?;
        if let Some(pod) = kind.pod {
            self.pod(manifest.pointer(pod).ok_or_else(|| format!("has no pod spec at {pod}"))?)?;
        }
        match object.kind.as_str() {
            "ServiceAccount" => self.service_account(object, manifest),
            "Secret" => self.secret(object, manifest),
            "Service" => service(manifest),
            "Role" | "ClusterRole" => self.role(object, manifest),
            "RoleBinding" | "ClusterRoleBinding" => self.binding(manifest),
            _ => Ok(()),
        }
    }

    fn service_account(&self, object: &Object, manifest: &Value) -> Sound {
        if object.name != self.account {
            return Err(format!("a decoy has one account, `{}`", self.account));
        }
        // Secrets listed there are what the clean-up of legacy tokens looks at: it would take the bait away.
        if manifest["secrets"].is_null() { Ok(()) } else { Err("must not list its `secrets`".into()) }
    }

    fn secret(&self, object: &Object, manifest: &Value) -> Sound {
        let is_token = manifest["type"] == TOKEN_TYPE;
        let names = manifest["metadata"]["annotations"][ACCOUNT_NAME].as_str();
        match (object.part, is_token) {
            (Part::Token, true) if names == Some(self.account) => Ok(()),
            (Part::Token, true) => Err(format!("must name the account in annotation {ACCOUNT_NAME}")),
            (Part::Token, false) => Err(format!("must be of type {TOKEN_TYPE}")),
            (_, true) => Err("holds a token and belongs to no placement".into()),
            (_, false) => Ok(()),
        }
    }

    fn role(&self, object: &Object, manifest: &Value) -> Sound {
        if !manifest["aggregationRule"].is_null() {
            return Err("an aggregated role can grow by itself; list its rules".into());
        }
        let labels = manifest["metadata"]["labels"].as_object();
        // Such a label would give the decoy's rights to everybody who has the role that is named.
        if labels.is_some_and(|labels| labels.keys().any(|key| key.contains("/aggregate-to-"))) {
            return Err("must not be aggregated into other roles".into());
        }
        for (i, rule) in manifest["rules"].as_array().into_iter().flatten().enumerate() {
            let rule: Right =
                serde_json::from_value(rule.clone()).map_err(|error| format!("rules[{i}]: {error}"))?;
            if object.kind == "Role" && !rule.non_resource_urls.is_empty() {
                return Err(format!("rules[{i}]: only a ClusterRole can grant nonResourceURLs"));
            }
            if !self.rights.iter().any(|right| covers(right, &rule)) {
                return Err(format!("rules[{i}] grants more than any one of the persona's `rights`"));
            }
        }
        Ok(())
    }

    fn binding(&self, manifest: &Value) -> Sound {
        let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
        let role = (text(&manifest["roleRef"]["kind"]), text(&manifest["roleRef"]["name"]));
        if !self.roles.contains(&(role.0.as_str(), role.1.as_str())) {
            return Err(format!("binds {} `{}`, which this plan does not make", role.0, role.1));
        }
        let subjects = manifest["subjects"].as_array().map_or(&[][..], Vec::as_slice);
        let is_account = |subject: &Value| {
            subject["kind"] == "ServiceAccount"
                && subject["name"] == self.account
                && subject["namespace"] == self.namespace
        };
        match subjects {
            [subject] if is_account(subject) => Ok(()),
            _ => Err(format!("must bind ServiceAccount {}/{} and nobody else", self.namespace, self.account)),
        }
    }

    fn pod(&self, pod: &Value) -> Sound {
        if pod["automountServiceAccountToken"] != false {
            // The kubelet would ask for a token of its own, which is what the tripwire takes for a theft.
            return Err("needs `automountServiceAccountToken: false`".into());
        }
        if let Some(account) = pod["serviceAccountName"].as_str().filter(|account| *account != self.account) {
            return Err(format!("runs as `{account}`, which is not the decoy"));
        }
        for shared in ["hostNetwork", "hostPID", "hostIPC"] {
            if pod[shared] == true {
                return Err(format!("`{shared}` opens the node to whoever gets in"));
            }
        }
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            self.volume(volume)?;
        }
        for list in ["containers", "initContainers"] {
            for container in pod[list].as_array().into_iter().flatten() {
                self.container(container)?;
            }
        }
        Ok(())
    }

    fn volume(&self, volume: &Value) -> Sound {
        let name = volume["name"].as_str().unwrap_or_default();
        let sources = volume.as_object().into_iter().flatten().filter(|(key, _)| *key != "name");
        for (kind, source) in sources {
            let problem = match kind.as_str() {
                "emptyDir" | "downwardAPI" => Ok(()),
                "secret" => self.has_secret(&source["secretName"]),
                "configMap" => self.has_config(&source["name"]),
                "projected" => self.projected(source),
                other => Err(format!("`{other}` lies outside the decoy")),
            };
            problem.map_err(|problem| format!("volume `{name}`: {problem}"))?;
        }
        Ok(())
    }

    fn projected(&self, source: &Value) -> Sound {
        for part in source["sources"].as_array().into_iter().flatten() {
            for (kind, part) in part.as_object().into_iter().flatten() {
                match kind.as_str() {
                    "downwardAPI" => Ok(()),
                    "secret" => self.has_secret(&part["name"]),
                    "configMap" => self.has_config(&part["name"]),
                    other => Err(format!("`{other}` belongs to no placement")),
                }?;
            }
        }
        Ok(())
    }

    fn container(&self, container: &Value) -> Sound {
        let security = &container["securityContext"];
        let adds = security["capabilities"]["add"].as_array().is_some_and(|list| !list.is_empty());
        if security["privileged"] == true || security["allowPrivilegeEscalation"] == true || adds {
            return Err("a container with privileges opens the node to whoever gets in".into());
        }
        for source in container["envFrom"].as_array().into_iter().flatten() {
            self.environment(&source["secretRef"]["name"], &source["configMapRef"]["name"])?;
        }
        for variable in container["env"].as_array().into_iter().flatten() {
            let from = &variable["valueFrom"];
            self.environment(&from["secretKeyRef"]["name"], &from["configMapKeyRef"]["name"])?;
        }
        Ok(())
    }

    fn environment(&self, secret: &Value, config: &Value) -> Sound {
        if !secret.is_null() {
            self.has_secret(secret)?;
        }
        if config.is_null() { Ok(()) } else { self.has_config(config) }
    }

    fn has_secret(&self, name: &Value) -> Sound {
        among("Secret", &self.secrets, name)
    }

    fn has_config(&self, name: &Value) -> Sound {
        among("ConfigMap", &self.configs, name)
    }
}

/// Anything but the decoy's own would be real, and open to whoever gets in.
fn among(kind: &str, own: &BTreeSet<&str>, name: &Value) -> Sound {
    let name = name.as_str().unwrap_or_default();
    if own.contains(name) {
        Ok(())
    } else {
        Err(format!("takes {kind} `{name}`, which is not the decoy's own"))
    }
}

fn name(object: &Object) -> Sound {
    let name = object.name.as_str();
    let ok = match object.kind.as_str() {
        // Any path segment (`ValidatePathSegmentName` in apimachinery).
        kind if kind.contains("Role") => {
            !matches!(name, "" | "." | "..") && !name.contains(['/', '%', '{', ' '])
        }
        "Service" => is_label(name) && !name.starts_with(|c: char| c.is_ascii_digit()),
        // Eleven letters are left for the time that a CronJob adds to the name of a Job.
        "CronJob" => is_label(name) && name.len() <= 52,
        "Pod" | "ServiceAccount" | "Secret" | "ConfigMap" | "NetworkPolicy" => is_subdomain(name),
        // Pods are named after it, and labelled with it.
        _ => is_label(name),
    };
    if ok { Ok(()) } else { Err("is no name that Kubernetes accepts".into()) }
}

fn metadata(metadata: &Value) -> Sound {
    let keys = ["generateName", "uid", "resourceVersion", "ownerReferences", "finalizers", "managedFields"];
    match keys.into_iter().find(|key| !metadata[*key].is_null()) {
        Some(key) => Err(format!("must not set `metadata.{key}`: it could not be taken away again cleanly")),
        None => Ok(()),
    }
}

fn service(manifest: &Value) -> Sound {
    let spec = &manifest["spec"];
    let inside = spec["type"].is_null() || spec["type"] == "ClusterIP";
    if inside && spec["externalIPs"].is_null() {
        return Ok(());
    }
    Err("must not be reachable from outside the cluster".into())
}

/// Whether `right` grants all that `rule` does.
fn covers(right: &Right, rule: &Right) -> bool {
    let within = |some: &[String], all: &[String]| some.iter().all(|one| all.contains(one));
    // No names at all are every name.
    let names = right.resource_names.is_empty()
        || (!rule.resource_names.is_empty() && within(&rule.resource_names, &right.resource_names));
    within(&rule.verbs, &right.verbs)
        && within(&rule.api_groups, &right.api_groups)
        && within(&rule.resources, &right.resources)
        && within(&rule.non_resource_urls, &right.non_resource_urls)
        && (rule.resources.is_empty() || names)
}
