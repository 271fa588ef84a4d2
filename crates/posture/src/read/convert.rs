//! From the fields of the text to the model: texts are shared, defaults of Kubernetes filled in.

use std::cell::RefCell;

use hashbrown::HashSet;

use super::{
    flags::{is_server, server_flags},
    standards,
    wire::{self, Text},
};
use crate::model::{
    Container, ContainerRole, HostPath, Mount, Owner, PodSpec, Rule, SecretUse, Selector, Str, Subject,
    Token, Volume, VolumeKind,
};

/// Texts that were seen, each held once.
#[derive(Debug, Default)]
pub(super) struct Names(RefCell<HashSet<Str>>);

impl Names {
    /// The shared text equal to `text`.
    pub(super) fn get(&self, text: &str) -> Str {
        self.0.borrow_mut().get_or_insert_with(text, |text| Str::from(text)).clone()
    }

    fn all(&self, texts: &[Text<'_>]) -> Vec<Str> {
        texts.iter().map(|text| self.get(&text.0)).collect()
    }

    fn some(&self, text: &Text<'_>) -> Option<Str> {
        (!text.0.is_empty()).then(|| self.get(&text.0))
    }
}

pub(super) fn rule(names: &Names, rule: &wire::Rule<'_>) -> Rule {
    Rule {
        verbs: names.all(&rule.verbs),
        groups: names.all(&rule.api_groups),
        resources: names.all(&rule.resources),
        names: names.all(&rule.resource_names),
        urls: names.all(&rule.non_resource_urls),
    }
}

pub(super) fn selector(names: &Names, selector: &wire::Selector<'_>) -> Selector {
    Selector {
        labels: labels(names, &selector.match_labels),
        expressions: selector
            .match_expressions
            .iter()
            .map(|e| (names.get(&e.key.0), names.get(&e.operator.0), names.all(&e.values)))
            .collect(),
    }
}

pub(super) fn labels(names: &Names, entries: &wire::Entries<'_>) -> Vec<(Str, Str)> {
    entries.0.iter().map(|(key, value)| (names.get(key), names.get(value))).collect()
}

/// The subject, or nothing for a kind that RBAC does not know.
pub(super) fn subject(names: &Names, subject: &wire::Subject<'_>) -> Option<Subject> {
    let name = names.get(&subject.name.0);
    Some(match &*subject.kind.0 {
        "User" => Subject::User(name),
        "Group" => Subject::Group(name),
        "ServiceAccount" => Subject::Account { namespace: names.get(&subject.namespace.0), name },
        _ => return None,
    })
}

pub(super) fn owner(names: &Names, references: &[wire::OwnerReference<'_>]) -> Option<Owner> {
    let controller = references.iter().find(|reference| reference.controller)?;
    Some(Owner { kind: names.get(&controller.kind.0), name: names.get(&controller.name.0) })
}

pub(super) fn pod(names: &Names, pod: &wire::PodSpec<'_>) -> PodSpec {
    let account = [&pod.service_account_name, &pod.service_account].into_iter().find(|a| !a.0.is_empty());
    let lists = [
        (ContainerRole::Main, &pod.containers),
        (ContainerRole::Init, &pod.init_containers),
        (ContainerRole::Ephemeral, &pod.ephemeral_containers),
    ];
    PodSpec {
        account: names.get(account.map_or("default", |a| &a.0)),
        automount: pod.automount_service_account_token,
        node: names.some(&pod.node_name),
        host_network: pod.host_network,
        host_pid: pod.host_pid,
        host_ipc: pod.host_ipc,
        run_as_user: pod.security_context.run_as_user,
        run_as_non_root: pod.security_context.run_as_non_root,
        containers: lists
            .iter()
            .flat_map(|(role, list)| list.iter().map(|c| container(names, *role, c)))
            .collect(),
        volumes: pod.volumes.iter().filter_map(|v| volume(names, v)).collect(),
        refused: standards::refused(pod),
        server: pod.containers.iter().find_map(|container| server(names, container)),
    }
}

/// The flags of a container that is an API server. Some are started by a shell, whose one word has all of them.
fn server(names: &Names, container: &wire::Container<'_>) -> Option<Box<[(Str, Str)]>> {
    let words = || container.command.iter().chain(&container.args).flat_map(|word| word.0.split_whitespace());
    words().any(is_server).then(|| {
        let flags = server_flags(words()).into_iter();
        flags.map(|(name, value)| (names.get(name), names.get(value))).collect()
    })
}

fn container(names: &Names, role: ContainerRole, container: &wire::Container<'_>) -> Container {
    let keys = container.env.iter().filter_map(|env| env.value_from.as_ref()?.secret_key_ref.as_ref());
    let keys = keys.map(|key| SecretUse { secret: names.get(&key.name.0), key: names.some(&key.key) });
    let whole = container.env_from.iter().filter_map(|from| from.secret_ref.as_ref());
    let whole = whole.map(|secret| SecretUse { secret: names.get(&secret.name.0), key: None });
    let security = &container.security_context;
    Container {
        name: names.get(&container.name.0),
        role,
        privileged: security.privileged,
        capabilities: names.all(&security.capabilities.add),
        run_as_user: security.run_as_user,
        run_as_non_root: security.run_as_non_root,
        allow_escalation: security.allow_privilege_escalation,
        host_ports: container
            .ports
            .iter()
            .filter_map(|p| u16::try_from(p.host_port).ok())
            .filter(|p| *p > 0)
            .collect(),
        env: keys.chain(whole).collect(),
        mounts: container
            .volume_mounts
            .iter()
            .map(|m| Mount {
                volume: names.get(&m.name.0),
                path: names.get(&m.mount_path.0),
                read_only: m.read_only,
            })
            .collect(),
    }
}

fn volume(names: &Names, volume: &wire::Volume<'_>) -> Option<Volume> {
    let kind = if let Some(secret) = &volume.secret {
        VolumeKind::Secret(names.get(&secret.secret_name.0))
    } else if let Some(path) = &volume.host_path {
        VolumeKind::HostPath(HostPath { path: names.get(&path.path.0) })
    } else if let Some(projected) = &volume.projected {
        let secrets =
            projected.sources.iter().filter_map(|s| s.secret.as_ref()).map(|s| names.get(&s.name.0));
        let tokens = projected.sources.iter().filter_map(|s| s.service_account_token.as_ref());
        let tokens = tokens.map(|token| Token {
            audience: names.some(&token.audience),
            seconds: token.expiration_seconds.unwrap_or(3600),
            path: names.get(&token.path.0),
        });
        VolumeKind::Projected { secrets: secrets.collect(), tokens: tokens.collect() }
    } else {
        return None;
    };
    Some(Volume { name: names.get(&volume.name.0), kind })
}
