//! What the tripwire reads from request bodies: accounts, Secrets and subjects at their exact places.
//!
//! Bodies come from clients, who choose them to be hard to read: nested without end, of wrong types, as patches. So
//! only the fields at known places are read, everything else is passed over without recursion, and a body that
//! still cannot be read is searched for its strings instead of being taken for harmless.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use sundew_audit::Event;

use super::{
    lenient::{Lenient, LenientList, lenient},
    patch,
};

/// A subject of a binding.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Namespace and name of a ServiceAccount.
    Account(String, String),
    /// The full name of a user.
    User(String),
}

/// What a pod template names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PodSpec {
    /// The account that pods run as; two where both the field and its old alias are set.
    pub(super) accounts: Vec<String>,
    /// Secrets that volumes, environments and pulls take.
    pub(super) secrets: Vec<String>,
}

impl PodSpec {
    fn add(&mut self, other: Self) {
        self.accounts.extend(other.accounts);
        self.secrets.extend(other.secrets);
    }
}

/// A body whose every string has a value. Half of a surrogate pair has none, so `serde_json` refuses it; Go's decoder
/// takes it for U+FFFD and goes on, and so must this, or one such escape would hide the rest.
fn sound(raw: &str) -> Cow<'_, str> {
    if !raw.contains("\\ud") && !raw.contains("\\uD") {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let surrogate =
            matches!(escape.as_bytes(), [_, b'u', b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
        let length = if surrogate { 6 } else { 2 };
        let length =
            (length..=escape.len()).find(|end| escape.is_char_boundary(*end)).unwrap_or(escape.len());
        out.push_str(if surrogate { "\\ufffd" } else { &escape[..length] });
        rest = &escape[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The request body, sound.
fn body<'a>(event: &Event<'a>) -> Option<Cow<'a, str>> {
    event.request_object.map(sound)
}

/// The user that a SubjectAccessReview asks about, or that a TokenReview found.
pub(super) fn reviewed_user(event: &Event<'_>) -> Option<String> {
    let asked = || {
        let raw = body(event)?;
        let review: Review<'_> = serde_json::from_str(&raw).ok()?;
        review.spec.0?.user.0
    };
    let found = || {
        let raw = event.response_object.map(sound)?;
        let review: Review<'_> = serde_json::from_str(&raw).ok()?;
        review.status.0?.user.0?.username.0
    };
    asked().or_else(found)
}

/// The account that a Secret of type `kubernetes.io/service-account-token` is for.
pub(super) fn token_secret_account(event: &Event<'_>) -> Option<String> {
    let raw = body(event)?;
    let secret: TokenSecret<'_> = serde_json::from_str(&raw).ok()?;
    let typed = secret.kind_of_secret.0.as_deref() == Some("kubernetes.io/service-account-token");
    typed.then(|| secret.metadata.0?.annotations.0?.account.0).flatten()
}

/// The name that the request body gives its object; for pods of a controller, the prefix it is made from.
pub(super) fn object_name(event: &Event<'_>) -> Option<String> {
    let raw = body(event)?;
    let object: Named<'_> = serde_json::from_str(&raw).ok()?;
    let metadata = object.metadata.0?;
    metadata
        .name
        .0
        .filter(|n| !n.is_empty())
        .or_else(|| Some(metadata.generate_name.0?.trim_end_matches('-').into()))
}

/// The name that the answer gives an object that was made.
pub(super) fn made_name(event: &Event<'_>) -> Option<String> {
    let raw = event.response_object.map(sound)?;
    serde_json::from_str::<Named<'_>>(&raw).ok()?.metadata.0?.name.0
}

/// The subjects of a binding, or of a patch to one.
pub(super) fn subjects(event: &Event<'_>) -> Vec<Subject> {
    let Some(raw) = body(event) else { return Vec::new() };
    let Some(operations) = patch::operations(&raw) else { return binding_subjects(&raw) };
    let mut found: Vec<Subject> = operations.iter().flat_map(patched_subjects).collect();
    // A part of a subject, or a copy from elsewhere, says nothing without the rest: the answer has it whole.
    if operations.iter().any(|o| o.copies() || o.path().is_some_and(in_subjects)) {
        found.extend(event.response_object.map(sound).iter().flat_map(|answer| binding_subjects(answer)));
    }
    found
}

/// Whether a path leads to one subject, or into it.
fn in_subjects(path: &str) -> bool {
    path.starts_with("/subjects/")
}

fn patched_subjects(operation: &patch::Operation<'_>) -> Vec<Subject> {
    match operation.path() {
        Some("") => binding_subjects(operation.value()),
        Some("/subjects") => subject_list(operation.value()),
        Some(path) if in_subjects(path) => one_subject(operation.value()).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn binding_subjects(raw: &str) -> Vec<Subject> {
    let binding: Option<Binding<'_>> = serde_json::from_str(raw).ok();
    binding.and_then(|b| b.subjects.0).map(|list| subject_list(list.get())).unwrap_or_default()
}

fn subject_list(raw: &str) -> Vec<Subject> {
    let list: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
    list.iter().filter_map(|subject| one_subject(subject.get())).collect()
}

fn one_subject(raw: &str) -> Option<Subject> {
    // A JSON patch may replace the name alone: a user's is whole in itself.
    if let Ok(name) = serde_json::from_str(raw) {
        return Some(Subject::User(name));
    }
    let subject: RawSubject<'_> = serde_json::from_str(raw).ok()?;
    let name = subject.name.0?;
    match subject.kind.0.as_deref() {
        Some("ServiceAccount") => Some(Subject::Account(subject.namespace.0?, name)),
        Some("User") | None => Some(Subject::User(name)),
        Some(_) => None,
    }
}

/// The pod that a body describes, at whichever place its kind has it. None where the body has none.
pub(super) fn pod_spec(event: &Event<'_>) -> Option<PodSpec> {
    let raw = body(event)?;
    let mut pod = PodSpec::default();
    if let Some(operations) = patch::operations(&raw) {
        operations.iter().for_each(|operation| pod.add(patched(operation)));
        // What was copied stands in the answer alone.
        if let Some(answer) = event.response_object.filter(|_| operations.iter().any(|o| o.copies())) {
            pod.add(serde_json::from_str::<Object<'_>>(&sound(answer)).map(Object::pod).unwrap_or_default());
        }
    } else {
        match serde_json::from_str::<Object<'_>>(&raw) {
            Ok(object) => pod.add(object.pod()),
            // Not what any client library sends: whatever it names counts as named.
            Err(_) => pod.add(every_string(&raw)),
        }
    }
    (!pod.accounts.is_empty() || !pod.secrets.is_empty()).then_some(pod)
}

/// What one operation of a JSON patch puts into a pod template.
fn patched(operation: &patch::Operation<'_>) -> PodSpec {
    let Some(object) = operation.as_object() else { return PodSpec::default() };
    serde_json::from_str::<Object<'_>>(&object).map(Object::pod).unwrap_or_default()
}

/// The strings of a body that has no known shape, as accounts and as Secrets.
fn every_string(raw: &str) -> PodSpec {
    // With escaped quotes there is no telling which parts are inside strings, so all count.
    let strings: Vec<String> = raw.split('"').map(str::to_owned).collect();
    PodSpec { accounts: strings.clone(), secrets: strings }
}

lenient! {
    // The spec of a pod, or of a workload: the places do not overlap, so it is read as both.
    Object<'a> { spec: Lenient<&'a RawValue> = "spec", template: Lenient<Template<'a>> = "template" }
    Workload<'a> { template: Lenient<Template<'a>> = "template", job: Lenient<Job<'a>> = "jobTemplate" }
    Job<'a> { spec: Lenient<JobSpec<'a>> = "spec" }
    JobSpec<'a> { template: Lenient<Template<'a>> = "template" }
    Template<'a> { spec: Lenient<Spec<'a>> = "spec" }
    Spec<'a> {
        account: Lenient<String> = "serviceAccountName",
        alias: Lenient<String> = "serviceAccount",
        volumes: LenientList<Volume<'a>> = "volumes",
        containers: LenientList<Container<'a>> = "containers",
        init: LenientList<Container<'a>> = "initContainers",
        debug: LenientList<Container<'a>> = "ephemeralContainers",
        pulls: LenientList<Reference<'a>> = "imagePullSecrets",
    }
    Volume<'a> { secret: Lenient<SecretVolume<'a>> = "secret", projected: Lenient<Projected<'a>> = "projected" }
    SecretVolume<'a> { secret_name: Lenient<String> = "secretName" }
    Projected<'a> { sources: LenientList<ProjectedSource<'a>> = "sources" }
    ProjectedSource<'a> { secret: Lenient<Reference<'a>> = "secret" }
    Container<'a> { env: LenientList<Variable<'a>> = "env", from: LenientList<EnvFrom<'a>> = "envFrom" }
    Variable<'a> { from: Lenient<ValueFrom<'a>> = "valueFrom" }
    ValueFrom<'a> { secret: Lenient<Reference<'a>> = "secretKeyRef" }
    EnvFrom<'a> { secret: Lenient<Reference<'a>> = "secretRef" }
    Reference<'a> { name: Lenient<String> = "name" }
    Binding<'a> { subjects: Lenient<&'a RawValue> = "subjects" }
    RawSubject<'a> {
        kind: Lenient<String> = "kind", name: Lenient<String> = "name", namespace: Lenient<String> = "namespace",
    }
    Review<'a> { spec: Lenient<ReviewSpec<'a>> = "spec", status: Lenient<ReviewStatus<'a>> = "status" }
    ReviewSpec<'a> { user: Lenient<String> = "user" }
    ReviewStatus<'a> { user: Lenient<ReviewUser<'a>> = "user" }
    ReviewUser<'a> { username: Lenient<String> = "username" }
    TokenSecret<'a> { kind_of_secret: Lenient<String> = "type", metadata: Lenient<SecretMetadata<'a>> = "metadata" }
    SecretMetadata<'a> { annotations: Lenient<SecretAnnotations<'a>> = "annotations" }
    SecretAnnotations<'a> { account: Lenient<String> = "kubernetes.io/service-account.name" }
    Named<'a> { metadata: Lenient<Metadata<'a>> = "metadata" }
    Metadata<'a> { name: Lenient<String> = "name", generate_name: Lenient<String> = "generateName" }
}

impl Object<'_> {
    fn pod(self) -> PodSpec {
        let mut pod = PodSpec::default();
        let mut add = |spec: Option<Spec<'_>>| spec.into_iter().for_each(|spec| pod.add(spec.pod()));
        // A PodTemplate has its template at the top.
        add(self.template.0.and_then(|t| t.spec.0));
        let Some(spec) = self.spec.0.map(RawValue::get) else { return pod };
        let workload: Workload<'_> = serde_json::from_str(spec).unwrap_or_default();
        add(workload.template.0.and_then(|t| t.spec.0));
        add(workload.job.0.and_then(|j| j.spec.0?.template.0?.spec.0));
        add(serde_json::from_str(spec).ok());
        pod
    }
}

impl Spec<'_> {
    fn pod(self) -> PodSpec {
        let mut secrets: Vec<Lenient<String>> = Vec::new();
        for volume in self.volumes.0 {
            secrets.extend(volume.secret.0.map(|s| s.secret_name));
            let sources = volume.projected.0.map(|p| p.sources.0).unwrap_or_default();
            secrets.extend(sources.into_iter().filter_map(|s| s.secret.0).map(|s| s.name));
        }
        for container in self.containers.0.into_iter().chain(self.init.0).chain(self.debug.0) {
            let env = container.env.0.into_iter().filter_map(|v| v.from.0?.secret.0);
            secrets.extend(env.map(|s| s.name));
            secrets.extend(container.from.0.into_iter().filter_map(|f| f.secret.0).map(|s| s.name));
        }
        secrets.extend(self.pulls.0.into_iter().map(|s| s.name));
        PodSpec {
            accounts: [self.account.0, self.alias.0].into_iter().flatten().collect(),
            secrets: secrets.into_iter().filter_map(|s| s.0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(body: &str) -> Option<PodSpec> {
        pod_spec(&Event { request_object: Some(body), ..Event::default() })
    }

    fn names(accounts: &[&str], secrets: &[&str]) -> Option<PodSpec> {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        Some(PodSpec { accounts: own(accounts), secrets: own(secrets) })
    }

    #[test]
    fn the_account_is_found_where_each_kind_has_it() {
        for body in [
            r#"{"spec":{"serviceAccountName":"x"}}"#,
            r#"{"spec":{"serviceAccount":"x"}}"#,
            r#"{"spec":{"template":{"spec":{"serviceAccountName":"x"}}}}"#,
            r#"{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"serviceAccountName":"x"}}}}}}"#,
            r#"{"template":{"spec":{"serviceAccountName":"x"}}}"#,
            r#"[{"op":"replace","path":"/spec/template/spec/serviceAccountName","value":"x"}]"#,
            r#"[{"op":"add","path":"/spec/template/spec","value":{"serviceAccountName":"x"}}]"#,
            r#"[{"op":"add","path":"/spec","value":{"template":{"spec":{"serviceAccountName":"x"}}}}]"#,
            r#"[{"op":"remove","path":"/a"},{"op":"add","path":"","value":{"spec":{"serviceAccountName":"x"}}}]"#,
            r#"{"spec":{"serviceAccountName":"y","serviceAccountName":"x"}}"#,
        ] {
            assert_eq!(pod(body), names(&["x"], &[]), "{body}");
        }
    }

    #[test]
    fn a_name_elsewhere_in_a_body_is_nothing() {
        for body in [
            r#"{"metadata":{"annotations":{"serviceAccountName":"x"}},"spec":{"nodeName":"x"}}"#,
            r#"{"spec":{"containers":[{"env":[{"name":"serviceAccountName","value":"x"}]}]}}"#,
            r#"{"spec":{"selector":{"serviceAccountName":"x"}}}"#,
            r#"{"spec":{"serviceAccountName":{"a":"x"}}}"#,
            r#"[{"op":"add","path":"/metadata/labels/a","value":"x"}]"#,
        ] {
            assert_eq!(pod(body), None, "{body}");
        }
    }

    #[test]
    fn secrets_are_found_in_volumes_environments_and_pulls() {
        let body = r#"{"spec":{"volumes":[7,{"secret":{"secretName":"a"}},{"projected":{"sources":[{"secret":{"name":"b"}}]}}],
            "containers":[{"env":[{"valueFrom":{"secretKeyRef":{"name":"c","key":"k"}}}],"envFrom":[{"secretRef":{"name":"d"}}]}],
            "initContainers":[{"envFrom":[{"secretRef":{"name":"e"}}]}],"imagePullSecrets":[{"name":"f"}]}}"#;
        assert_eq!(pod(body), names(&[], &["a", "b", "c", "d", "e", "f"]));
        for patch in [
            r#"[{"op":"add","path":"/spec/template/spec/volumes/-","value":{"secret":{"secretName":"a"}}}]"#,
            r#"[{"op":"add","path":"/spec/volumes/0/secret/secretName","value":"a"}]"#,
            r#"[{"op":"add","path":"/spec/template/spec/containers/0/envFrom","value":[{"secretRef":{"name":"a"}}]}]"#,
        ] {
            assert_eq!(pod(patch), names(&[], &["a"]), "{patch}");
        }
    }

    #[test]
    fn nesting_without_end_hides_nothing() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = format!(r#"{{"x":{deep},"spec":{{"y":{deep},"serviceAccountName":"x"}}}}"#);
        assert_eq!(pod(&body), names(&["x"], &[]));
        let body = format!(
            r#"{{"x":{deep},"subjects":[{deep},{{"kind":"ServiceAccount","name":"a","namespace":"b"}}]}}"#
        );
        let event = Event { request_object: Some(&body), ..Event::default() };
        assert_eq!(subjects(&event), [Subject::Account("b".into(), "a".into())]);
    }

    #[test]
    fn half_a_surrogate_pair_hides_nothing() {
        for odd in [r"\ud800", r"\uDFFF\ud83d", r"\\ud800", r"\ud83d\ude00", r"\\\ud800"] {
            let body = format!(r#"{{"spec":{{"{odd}":"{odd}","serviceAccountName":"x"}}}}"#);
            assert_eq!(pod(&body), names(&["x"], &[]), "{body}");
        }
    }

    #[test]
    fn subjects_are_found_in_objects_and_patches() {
        let account = r#"{"kind":"ServiceAccount","name":"a","namespace":"b"}"#;
        for body in [
            format!(r#"{{"subjects":[{{"kind":"Group","name":"g"}},{account}]}}"#),
            format!(r#"[{{"op":"add","path":"/subjects/-","value":{account}}}]"#),
            format!(r#"[{{"op":"replace","path":"/subjects","value":[{account}]}}]"#),
        ] {
            let event = Event { request_object: Some(&body), ..Event::default() };
            assert_eq!(subjects(&event), [Subject::Account("b".into(), "a".into())], "{body}");
        }
    }
}
