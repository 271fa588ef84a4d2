//! What a decoy's pods run, and beside whom.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Check, Verdict, point, unseen};
use crate::{
    kinds,
    persona::SignKind,
    plan::{Plan, Planned},
    surroundings::Surroundings,
};

/// Programs that do nothing, by which everybody knows a pod that only pretends.
const IDLE: &[&str] = &["sleep", "pause", "tail"];

/// A container of the plan, and whose it is.
struct Container<'p> {
    planned: &'p Planned,
    spec: &'p Value,
}

fn containers(plan: &Plan) -> Vec<Container<'_>> {
    let mut found = Vec::new();
    for planned in &plan.objects {
        let pod = kinds::of(&planned.object.kind).and_then(|kind| kind.pod);
        let Some(pod) = pod.and_then(|pod| planned.manifest.pointer(pod)) else { continue };
        for list in ["initContainers", "containers"] {
            let listed = pod[list].as_array().into_iter().flatten();
            found.extend(listed.map(|spec| Container { planned, spec }));
        }
    }
    found
}

pub(super) fn programs(plan: &Plan) -> Check {
    const POINT: &str = "what the pods run";
    let containers = containers(plan);
    if containers.is_empty() {
        return point(POINT, Verdict::Fine, "the decoy has no pods");
    }
    let mut found = Vec::new();
    for Container { planned, spec } in &containers {
        let image = spec["image"].as_str().unwrap_or_default();
        let what = if repository(image).rsplit('/').next() == Some("busybox") {
            Some("busybox".to_owned())
        } else {
            idle(spec)
        };
        found.extend(what.map(|what| format!("{} {} runs {what}", planned.object.kind, planned.object.name)));
    }
    if found.is_empty() {
        return point(POINT, Verdict::Fine, "a program with work of its own; neither busybox nor sleep");
    }
    point(POINT, Verdict::Refused, found.join(", "))
}

/// The program that does nothing, if the command line has one.
fn idle(spec: &Value) -> Option<String> {
    let texts = ["command", "args"].into_iter().flat_map(|list| spec[list].as_array().into_iter().flatten());
    let line: Vec<&str> = texts.filter_map(Value::as_str).flat_map(str::split_whitespace).collect();
    let name = |word: &str| {
        word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let program = line.iter().map(|word| name(word)).find(|word| IDLE.contains(&word.as_str()))?;
    let reads_nothing = line.iter().any(|word| word.contains("/dev/null"));
    (program != "tail" || reads_nothing).then_some(program)
}

/// An image without tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    match image.rsplit_once(':') {
        // A colon before the last slash belongs to a port.
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => image,
    }
}

/// The registry of an image; Docker Hub's where none is named.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => "docker.io",
    }
}

pub(super) fn images(plan: &Plan, around: &Surroundings) -> Check {
    const POINT: &str = "images";
    let pulled = containers(plan).into_iter().filter(|container| {
        // With no replicas nothing is pulled.
        container.planned.manifest["spec"]["replicas"] != 0
    });
    let own: BTreeSet<&str> = pulled.filter_map(|container| container.spec["image"].as_str()).collect();
    if own.is_empty() {
        return point(POINT, Verdict::Fine, "no pod of the decoy runs one");
    }
    if let Some(why) = unseen(around, "pods") {
        return point(POINT, Verdict::Unknown, why);
    }
    let running: BTreeSet<&str> =
        around.things.iter().flat_map(|thing| &thing.images).map(String::as_str).collect();
    if running.is_empty() {
        return point(POINT, Verdict::Unknown, "it is not known which images run here");
    }
    let registries: BTreeSet<&str> = running.iter().map(|image| registry(image)).collect();
    let foreign: Vec<String> = own
        .iter()
        .filter(|image| !running.contains(**image))
        .map(|image| {
            let from = registry(image);
            let known = if registries.contains(from) { "as others are" } else { "as no other is" };
            format!("`{image}` runs nowhere that was looked at; it is from {from}, {known}")
        })
        .collect();
    if foreign.is_empty() {
        return point(POINT, Verdict::Fine, "they run here already");
    }
    point(POINT, Verdict::Doubtful, foreign.join("; "))
}

pub(super) fn neighbours(plan: &Plan, around: &Surroundings) -> Check {
    const POINT: &str = "workloads beside it";
    if containers(plan).is_empty() {
        return point(POINT, Verdict::Fine, "the decoy has no workload that needs neighbours");
    }
    if let Some(why) = unseen(around, "pods") {
        return point(POINT, Verdict::Unknown, why);
    }
    let namespace = &plan.decoy.namespace;
    let is_neighbour = |kind: SignKind, of: &str| kind == SignKind::Workload && of == namespace;
    let count = around.things.iter().filter(|thing| is_neighbour(thing.kind, &thing.namespace)).count();
    if count == 0 {
        let found = format!("`{namespace}` has no workload besides it, so it is the first that is looked at");
        return point(POINT, Verdict::Doubtful, found);
    }
    point(POINT, Verdict::Fine, format!("`{namespace}` has {count} others"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{idle, registry, repository};

    #[test]
    fn images_are_taken_apart() {
        for (image, from, name) in [
            ("busybox", "docker.io", "busybox"),
            ("restic/rest-server:0.13.0", "docker.io", "restic/rest-server"),
            ("quay.io/a/b:v1@sha256:00", "quay.io", "quay.io/a/b"),
            ("localhost:5000/a", "localhost:5000", "localhost:5000/a"),
        ] {
            assert_eq!((registry(image), repository(image)), (from, name), "{image}");
        }
    }

    #[test]
    fn programs_that_do_nothing_are_known_in_any_writing() {
        for (line, program) in [
            (json!({"command": ["sh", "-c", "sleep 999999"]}), "sleep"),
            (json!({"command": ["/bin/sleep"], "args": ["infinity"]}), "sleep"),
            (json!({"args": ["while true; do sleep 3600; done"]}), "sleep"),
            (json!({"command": ["tail", "-f", "/dev/null"]}), "tail"),
            (json!({"command": ["/pause"]}), "pause"),
        ] {
            assert_eq!(idle(&line).as_deref(), Some(program), "{line}");
        }
        for line in [
            json!({}),
            json!({"command": ["tail", "-F", "/var/log/app.log"]}),
            json!({"args": ["--no-sleep-timer"]}),
        ] {
            assert_eq!(idle(&line), None, "{line}");
        }
    }
}
