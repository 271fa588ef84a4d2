//! The steps of a digest: what was asked, what was answered, and what that means.

use std::fmt::Write;

use jiff::Timestamp;
use sundew_detect::{Incident, Request, Step};

use super::{StepLine, VALUE};
use crate::text::clean;

pub(super) fn steps(incident: &Incident) -> Vec<StepLine> {
    let format = if same_day(incident.first_seen, incident.last_seen) { "%H:%M:%S" } else { "%F %H:%M:%S" };
    let many = incident.decoys.len() > 1;
    // What the sensor says of itself stands in the title: nobody asked anything.
    let tried = incident.steps.iter().filter(|step| !step.rule.starts_with("sensor."));
    tried.map(|step| step_line(step, format, many)).collect()
}

fn step_line(step: &Step, format: &str, many_decoys: bool) -> StepLine {
    let noted = is_note(step);
    let mut what = if noted { note(&step.request) } else { asked(&step.request) };
    if let Some(decoy) = step.decoy.as_ref().filter(|_| many_decoys) {
        let _ = write!(what, " [decoy {}]", clean(&decoy.name, 64));
    }
    let mut answer = if noted { String::new() } else { answered(&step.request) };
    if step.count > 1 {
        let _ = write!(answer, ", {} times", step.count);
    }
    let allowed = Answer::to(step) == Answer::Allowed;
    StepLine { time: step.time.strftime(format).to_string(), what, answer, allowed }
}

/// The API server's own note that a token was used: no request of the intruder's.
pub(super) fn is_note(step: &Step) -> bool {
    step.rule == sundew_detect::tripwire::rules::TOKEN_LAST_USED.id
}

fn note(request: &Request) -> String {
    let Request { namespace, name, code, .. } = request;
    let text = match code {
        Some(_) => format!("(the API server noted a use of the token in Secret {namespace}/{name})"),
        // Seen on the Secret itself, and in no event.
        None => format!("(the label on Secret {namespace}/{name} shows a use of its token)"),
    };
    clean(&text, VALUE)
}

fn asked(request: &Request) -> String {
    let Request { verb, uri, resource, namespace, name, .. } = request;
    let verb = if verb.is_empty() { "?" } else { verb };
    let text = match (resource.as_str(), namespace.as_str(), name.as_str()) {
        ("", _, _) => format!("{verb} {uri}"),
        (_, "", "") => format!("{verb} {resource}"),
        (_, "", _) => format!("{verb} {resource} {name}"),
        (_, _, "") => format!("{verb} {resource} in {namespace}"),
        _ => format!("{verb} {resource} {namespace}/{name}"),
    };
    clean(&text, VALUE)
}

fn answered(request: &Request) -> String {
    let Some(code) = request.code else { return "no answer yet".to_owned() };
    let word = match (Answer::to_request(request), code) {
        (Answer::Allowed, _) => " ALLOWED",
        (Answer::AllowedToAnyone, _) => " allowed to anyone",
        (_, 401) => " not authenticated",
        (_, 403) => " forbidden",
        (_, 404) => " not found",
        (_, 429) => " throttled",
        _ => "",
    };
    format!("{code}{word}")
}

/// What an answer means for the question whether an intruder got anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Allowed,
    AllowedToAnyone,
    Refused,
    Other,
}

impl Answer {
    pub(super) fn to(step: &Step) -> Self {
        if is_note(step) { Self::Other } else { Self::to_request(&step.request) }
    }

    fn to_request(request: &Request) -> Self {
        match request.code {
            // 101 is what a granted exec, attach or port-forward answers.
            Some(101 | 200..=299) if is_for_anyone(request) => Self::AllowedToAnyone,
            Some(101 | 200..=299) => Self::Allowed,
            Some(401 | 403) => Self::Refused,
            _ => Self::Other,
        }
    }
}

/// Whether Kubernetes lets every account ask this: the built-in roles `system:basic-user` and `system:discovery`,
/// bound to `system:authenticated`.
fn is_for_anyone(request: &Request) -> bool {
    const REVIEWS: [&str; 3] = ["selfsubjectaccessreviews", "selfsubjectreviews", "selfsubjectrulesreviews"];
    const PATHS: [&str; 7] = ["api", "apis", "healthz", "livez", "openapi", "readyz", "version"];
    if !request.resource.is_empty() {
        return request.verb == "create"
            && REVIEWS.contains(&request.resource.split('.').next().unwrap_or_default());
    }
    let first = request.uri.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default();
    request.verb == "get" && PATHS.contains(&first)
}

/// How many findings no step holds: an incident keeps only so many steps.
pub(super) fn untold(incident: &Incident) -> u64 {
    let told = incident.steps.iter().map(|step| step.count).fold(0, u64::saturating_add);
    incident.findings.saturating_sub(told)
}

pub(super) fn same_day(first: Timestamp, last: Timestamp) -> bool {
    first.strftime("%F").to_string() == last.strftime("%F").to_string()
}
