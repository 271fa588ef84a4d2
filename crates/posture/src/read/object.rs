//! One object of any kind, read in one pass: its kind stands first in all that Kubernetes prints, and decides what is
//! read of the rest. Where it does not stand first, what came before it waits.

use std::{cell::RefCell, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::{
    convert::{self, Names},
    text::offset_in,
    wire::{self, Text},
};
use crate::model::{PodSpec, Rule, Selector, Str, Subject, WorkloadKind};

/// What is known of an object from where it came, for lists whose items do not say it.
#[derive(Debug, Clone, Default)]
pub struct Assume {
    /// The kind of each object, as `Secret`.
    pub kind: Option<Str>,
    /// The `type` of each Secret, where only descriptions were asked for.
    pub secret_type: Option<Str>,
}

/// An object as it was read, before it is put with the others.
#[derive(Debug)]
pub(super) struct Parsed<'a> {
    pub(super) api_version: Str,
    pub(super) kind: Str,
    pub(super) meta: wire::Meta<'a>,
    pub(super) body: Body,
    /// Where it lies in the text, if that is known from elsewhere than what is borrowed from there.
    pub(super) at: Option<usize>,
}

impl Parsed<'_> {
    /// Where its name lies in the text, or what stands near to it.
    pub(super) fn offset(&self, text: &str) -> Option<usize> {
        let wire::Meta { name, namespace, creation_timestamp, .. } = &self.meta;
        let borrowed =
            [name, namespace, creation_timestamp].into_iter().find_map(|of| offset_in(text, &of.0));
        borrowed.or(self.at)
    }
}

/// What comes of reading one document.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    pub(super) objects: Vec<Parsed<'a>>,
    /// Lists that were seen, by the kind of their items: an empty list says that there are none.
    pub(super) lists: Vec<Str>,
    /// Objects that could not be read: an offset in the text, and why.
    pub(super) left_out: Vec<(usize, String)>,
    /// The field at which the last of them could not.
    pub(super) stuck: Option<String>,
    /// The kind of the items of each list, in the order in which they begin, where the list says it behind them.
    late: Vec<Option<Str>>,
    /// How many lists have begun.
    begun: usize,
    /// Whether an item of a list had no kind.
    kindless: bool,
}

impl Found<'_> {
    /// What a second reading begins with, where the kinds that came late would change anything.
    pub(super) fn again(&self) -> Option<Self> {
        let learned = self.kindless && self.late.iter().any(Option::is_some);
        learned.then(|| Self { late: self.late.clone(), ..Self::default() })
    }
}

/// What was read of an object besides its description.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) rules: Vec<Rule>,
    pub(super) aggregates: Vec<Selector>,
    pub(super) role_ref: Option<(Str, Str)>,
    pub(super) subjects: Vec<Subject>,
    pub(super) odd_subjects: usize,
    pub(super) automount: Option<bool>,
    pub(super) secrets: Vec<Str>,
    pub(super) pod: Option<PodSpec>,
    pub(super) ended: bool,
    pub(super) secret_type: Option<Str>,
    pub(super) version: Option<Str>,
    pub(super) sees_pods: bool,
}

/// Which fields a kind has that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Role,
    Binding,
    Account,
    Workload(WorkloadKind),
    Node,
    Namespace,
    Secret,
    Webhooks,
    Policy,
    Other,
}

impl Class {
    pub(super) fn of(kind: &str) -> Self {
        match kind {
            "Role" | "ClusterRole" => Self::Role,
            "RoleBinding" | "ClusterRoleBinding" => Self::Binding,
            "ServiceAccount" => Self::Account,
            "Pod" => Self::Workload(WorkloadKind::Pod),
            "Deployment" => Self::Workload(WorkloadKind::Deployment),
            "DaemonSet" => Self::Workload(WorkloadKind::DaemonSet),
            "StatefulSet" => Self::Workload(WorkloadKind::StatefulSet),
            "ReplicaSet" => Self::Workload(WorkloadKind::ReplicaSet),
            "ReplicationController" => Self::Workload(WorkloadKind::ReplicationController),
            "Job" => Self::Workload(WorkloadKind::Job),
            "CronJob" => Self::Workload(WorkloadKind::CronJob),
            "PodTemplate" => Self::Workload(WorkloadKind::PodTemplate),
            "Node" => Self::Node,
            "Namespace" => Self::Namespace,
            "Secret" => Self::Secret,
            "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => Self::Webhooks,
            "ValidatingAdmissionPolicy" | "MutatingAdmissionPolicy" => Self::Policy,
            _ => Self::Other,
        }
    }
}

/// Reads one object, or the items of a list, into `out`.
#[derive(Clone)]
pub(super) struct Object<'r, 'a> {
    pub(super) names: &'r Names,
    pub(super) assume: &'r Assume,
    /// The kind of the list's items, where the list says it.
    pub(super) listed: Option<Str>,
    pub(super) found: &'r RefCell<Found<'a>>,
    /// How many lists this stands in.
    pub(super) depth: u8,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Object<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object (a map with apiVersion and kind)")
    }

    /// An empty document.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    /// A bare array of objects, which tools such as jq make of a list.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        // A list within a list within a list describes nothing that Kubernetes knows.
        if self.depth > 2 {
            return Err(A::Error::custom("lists of objects are nested too deeply"));
        }
        let inner = Self { depth: self.depth + 1, ..self };
        while items.next_element_seed(inner.clone())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut reading = Reading {
            object: &self,
            kind: self.assumed(),
            api_version: None,
            meta: None,
            body: Body::default(),
        };
        let mut waiting: Vec<(String, Value)> = Vec::new();
        let mut list = None;
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "apiVersion" => reading.api_version = Some(self.names.get(&map.next_value::<Text<'_>>()?.0)),
                "kind" => {
                    let kind = map.next_value::<Text<'_>>()?.0;
                    self.learn(list, &kind);
                    reading.kind = self.told(&kind).or(reading.kind);
                    if reading.kind.is_some() {
                        for (key, value) in waiting.drain(..) {
                            reading.field(&key, Waited(value)).map_err(A::Error::custom)?;
                        }
                    }
                }
                "metadata" => reading.meta = map.next_value().inspect_err(|_| self.stuck("metadata"))?,
                "items" => list = Some(self.items(&mut reading.kind, &mut map)?),
                // Values of Secrets and ConfigMaps are not read, not even to wait.
                "data" | "stringData" | "binaryData" => _ = map.next_value::<IgnoredAny>()?,
                _ if reading.kind.is_none() && is_wanted(&key) => {
                    waiting.push((key.into_owned(), map.next_value()?));
                }
                _ => reading.field(&key, Next(&mut map))?,
            }
        }
        reading.end();
        Ok(())
    }
}

impl<'a> Object<'_, 'a> {
    fn assumed(&self) -> Option<Str> {
        if self.depth == 0 { None } else { self.assume.kind.clone().or_else(|| self.listed.clone()) }
    }

    /// The kind that an object says it is of; what is assumed goes before that.
    fn told(&self, kind: &str) -> Option<Str> {
        match &self.assume.kind {
            _ if kind.is_empty() => None,
            Some(assumed) if !kind.ends_with("List") => Some(assumed.clone()),
            _ => Some(self.names.get(kind)),
        }
    }

    /// Notes the field at which an object could not be read.
    fn stuck(&self, field: &str) {
        self.found.borrow_mut().stuck = Some(field.to_owned());
    }

    /// Reads the items of a list, and answers which of the document's lists it is.
    fn items<'de: 'a, A: MapAccess<'de>>(
        &self,
        kind: &mut Option<Str>,
        map: &mut A,
    ) -> Result<usize, A::Error> {
        let of = kind.as_deref().and_then(of_list).map(|of| self.names.get(of));
        let (number, listed) = {
            let mut found = self.found.borrow_mut();
            let number = found.begun;
            found.begun += 1;
            let late = found.late.get(number).cloned().flatten();
            let listed = self.assume.kind.clone().or(of).or(late);
            found.lists.extend(listed.clone());
            (number, listed)
        };
        map.next_value_seed(Items(Self { listed, ..self.clone() }))?;
        // What holds items is a list, whatever else it says.
        *kind = Some(self.names.get("List"));
        Ok(number)
    }

    /// Notes of which kind the items were that have been read before the list says it.
    fn learn(&self, list: Option<usize>, kind: &str) {
        let (Some(number), Some(of)) = (list, of_list(kind)) else { return };
        let of = self.names.get(of);
        let mut found = self.found.borrow_mut();
        if found.late.len() <= number {
            found.late.resize(number + 1, None);
        }
        found.late[number] = Some(of.clone());
        found.lists.push(of);
    }
}

/// `Role` of `RoleList`.
fn of_list(kind: &str) -> Option<&str> {
    kind.strip_suffix("List").filter(|of| !of.is_empty())
}

/// `items`, which may be `null`.
struct Items<'r, 'a>(Object<'r, 'a>);

impl<'de: 'a, 'a> DeserializeSeed<'de> for Items<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self.0)
    }
}

/// Fields that can wait for the kind; all others are passed over.
fn is_wanted(key: &str) -> bool {
    matches!(
        key,
        "rules"
            | "aggregationRule"
            | "roleRef"
            | "subjects"
            | "spec"
            | "status"
            | "template"
            | "type"
            | "secrets"
            | "automountServiceAccountToken"
            | "webhooks"
    )
}

/// Where a field's value comes from: the text itself, or what waited.
trait Take<'de> {
    type Error: serde::de::Error;
    fn take<T: Deserialize<'de>>(self) -> Result<T, Self::Error>;
}

struct Next<'m, A>(&'m mut A);

impl<'de, A: MapAccess<'de>> Take<'de> for Next<'_, A> {
    type Error = A::Error;
    fn take<T: Deserialize<'de>>(self) -> Result<T, A::Error> {
        self.0.next_value()
    }
}

struct Waited(Value);

impl<'de> Take<'de> for Waited {
    type Error = serde_json::Error;
    fn take<T: Deserialize<'de>>(self) -> Result<T, serde_json::Error> {
        T::deserialize(self.0)
    }
}

struct Reading<'o, 'r, 'a> {
    object: &'o Object<'r, 'a>,
    kind: Option<Str>,
    api_version: Option<Str>,
    meta: Option<wire::Meta<'a>>,
    body: Body,
}

impl<'a> Reading<'_, '_, 'a> {
    fn field<'de, V: Take<'de>>(&mut self, key: &str, value: V) -> Result<(), V::Error> {
        self.take(key, value).inspect_err(|_| self.object.stuck(key))
    }

    fn take<'de, V: Take<'de>>(&mut self, key: &str, value: V) -> Result<(), V::Error> {
        let names = self.object.names;
        let body = &mut self.body;
        let class = self.kind.as_deref().map_or(Class::Other, Class::of);
        match (class, key) {
            (Class::Role, "rules") => {
                let rules: Option<Vec<wire::Rule<'_>>> = value.take()?;
                body.rules =
                    rules.unwrap_or_default().iter().map(|rule| convert::rule(names, rule)).collect();
            }
            (Class::Role, "aggregationRule") => {
                let rule: Option<wire::Aggregation<'_>> = value.take()?;
                let selectors = rule.unwrap_or_default().cluster_role_selectors;
                body.aggregates = selectors.iter().map(|s| convert::selector(names, s)).collect();
            }
            (Class::Binding, "roleRef") => {
                let role: Option<wire::RoleRef<'_>> = value.take()?;
                body.role_ref = role.map(|role| (names.get(&role.kind.0), names.get(&role.name.0)));
            }
            (Class::Binding, "subjects") => {
                let subjects: Option<Vec<wire::Subject<'_>>> = value.take()?;
                let subjects = subjects.unwrap_or_default();
                body.subjects = subjects.iter().filter_map(|s| convert::subject(names, s)).collect();
                body.odd_subjects = subjects.len() - body.subjects.len();
            }
            (Class::Account, "automountServiceAccountToken") => body.automount = value.take()?,
            (Class::Account, "secrets") => {
                let secrets: Option<Vec<wire::Named<'_>>> = value.take()?;
                body.secrets = secrets.unwrap_or_default().iter().map(|s| names.get(&s.name.0)).collect();
            }
            (Class::Workload(WorkloadKind::Pod), "spec") => {
                let spec: Option<wire::PodSpec<'_>> = value.take()?;
                body.pod = spec.map(|spec| convert::pod(names, &spec));
            }
            (Class::Workload(WorkloadKind::Pod), "status") => {
                let status: Option<wire::Status<'_>> = value.take()?;
                body.ended = matches!(&*status.unwrap_or_default().phase.0, "Succeeded" | "Failed");
            }
            (Class::Workload(WorkloadKind::PodTemplate), "template") => {
                let template: Option<wire::Template<'_>> = value.take()?;
                body.pod = template.and_then(|t| t.spec).map(|spec| convert::pod(names, &spec));
            }
            (Class::Workload(_), "spec") => {
                let maker: wire::Maker<'_> = value.take::<Option<_>>()?.unwrap_or_default();
                let template = maker.template.or_else(|| maker.job_template?.spec?.template);
                body.pod = template.and_then(|t| t.spec).map(|spec| convert::pod(names, &spec));
            }
            (Class::Node, "status") => {
                let status: Option<wire::Status<'_>> = value.take()?;
                body.version =
                    status.and_then(|s| s.node_info).map(|info| names.get(&info.kubelet_version.0));
            }
            (Class::Secret, "type") => body.secret_type = Some(names.get(&value.take::<Text<'_>>()?.0)),
            (Class::Webhooks, "webhooks") => {
                let webhooks: Option<Vec<wire::Webhook<'_>>> = value.take()?;
                body.sees_pods = webhooks.unwrap_or_default().iter().any(|webhook| see_pods(&webhook.rules));
            }
            (Class::Policy, "spec") => {
                let policy: Option<wire::Policy<'_>> = value.take()?;
                body.sees_pods = see_pods(&policy.unwrap_or_default().match_constraints.resource_rules);
            }
            // `/version`, and `kubectl version -o json`, have no kind.
            (Class::Other, "gitVersion") if self.kind.is_none() => {
                body.version = Some(names.get(&value.take::<Text<'_>>()?.0));
            }
            (Class::Other, "serverVersion") if self.kind.is_none() => {
                body.version = Some(names.get(&value.take::<wire::ServerVersion<'_>>()?.git_version.0));
            }
            _ => _ = value.take::<IgnoredAny>()?,
        }
        Ok(())
    }

    fn end(self) {
        let names = self.object.names;
        let mut found = self.object.found.borrow_mut();
        found.kindless |= self.kind.is_none() && self.object.depth > 0;
        let kind = self.kind.unwrap_or_else(|| names.get(""));
        if kind.ends_with("List") {
            return;
        }
        let api_version = self.api_version.unwrap_or_else(|| names.get(""));
        let parsed =
            Parsed { api_version, kind, meta: self.meta.unwrap_or_default(), body: self.body, at: None };
        found.objects.push(parsed);
    }
}

fn see_pods(rules: &[wire::Watched<'_>]) -> bool {
    let mut resources = rules.iter().flat_map(|rule| &rule.resources);
    resources.any(|resource| matches!(&*resource.0, "pods" | "*" | "*/*" | "pods/*"))
}
