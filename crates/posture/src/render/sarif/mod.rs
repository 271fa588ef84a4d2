//! The report as SARIF 2.1.0 (OASIS), for code scanning.
//!
//! The few objects that are written are our own (`shape`): the crate `serde-sarif` generates all of the standard at
//! build time, with a code generator and an old `syn` that nothing else here needs.
//!
//! What GitHub asks for beyond the standard, and what it makes of it:
//! - One result without a physical location has it refuse the file. What was read from a cluster gets the object's
//!   address there, `namespaces/shop/ServiceAccount/orders`, beside its logical location.
//! - It shows the severity of the rule, not that of the result; here a risk is as bad as the scope in which it is held.
//!   So each severity of a risk is a rule of its own: `secrets-read/critical`.
//! - It knows an alert again by `primaryLocationLineHash`, which is made from the finding's id.
//! - It does not read `suppressions`; leave accepted findings out with [`SarifOptions::accepted`] where they annoy.
//! - It takes 25,000 results a run and no more.

mod place;
mod shape;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

use self::{
    place::{Place, in_cluster, in_file, logical, places},
    shape::{
        AutomationDetails, BaseId, Configuration, Descriptor, DescriptorReference, Driver, Fingerprints,
        Invocation, Location, Log, Notification, Output, ResultProperties, Rule, RuleProperties, Run,
        Suppression, Text, Tool,
    },
};
use super::RenderError;
use crate::{
    Severity,
    report::{About, Finding, Report},
};

/// Where the standard's schema is.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// As many results as GitHub takes.
const MOST_RESULTS: usize = 25_000;
/// As many tags of a rule as GitHub keeps.
const MOST_TAGS: usize = 10;
/// What a notification is about, and its place among the driver's.
const UNREAD: (usize, &str) = (0, "unread");
const NOTICE: (usize, &str) = (1, "notice");
const LEFT_OUT: (usize, &str) = (2, "left-out");

/// Which findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SarifOptions {
    /// Those about what Kubernetes itself made. Not by default: nobody can mend them in their manifests.
    pub system: bool,
    /// Those that are accepted, as suppressed. By default they are.
    pub accepted: bool,
}

impl Default for SarifOptions {
    fn default() -> Self {
        Self { system: false, accepted: true }
    }
}

/// The report's findings as SARIF 2.1.0, worst first, at most 25,000.
///
/// # Errors
/// [`RenderError::Sarif`] where JSON cannot be made of it.
pub fn sarif(report: &Report, options: SarifOptions) -> Result<String, RenderError> {
    let wanted = |f: &&Finding| (options.system || !f.system) && (options.accepted || f.accepted.is_none());
    let findings: Vec<&Finding> = report.findings.iter().filter(wanted).take(MOST_RESULTS).collect();
    let left_out = report.findings.iter().filter(wanted).count() - findings.len();
    let rules = Rules::new(report, &findings);
    // The standard wants suppressions on all results of a run or on none (§3.27.23).
    let suppresses = findings.iter().any(|finding| finding.accepted.is_some());
    let run = Run {
        automation_details: AutomationDetails { id: category(report) },
        invocations: [invocation(report, left_out)],
        original_uri_base_ids: bases(&findings),
        results: findings.iter().map(|finding| output(report, finding, &rules, suppresses)).collect(),
        tool: Tool { driver: driver(rules) },
    };
    let log = Log { schema: SCHEMA, version: "2.1.0", runs: [run] };
    let mut text = serde_json::to_string_pretty(&log)?;
    text.push('\n');
    Ok(text)
}

/// The rules of a run, each once, in the order in which findings name them first.
struct Rules<'a> {
    list: Vec<Rule<'a>>,
    index: HashMap<(&'a str, Severity), usize>,
}

impl<'a> Rules<'a> {
    fn new(report: &'a Report, findings: &[&'a Finding]) -> Self {
        let mut rules = Self { list: Vec::new(), index: HashMap::new() };
        for &finding in findings {
            let next = rules.list.len();
            let at = *rules.index.entry((&finding.rule, finding.severity)).or_insert(next);
            if at == next {
                rules.list.push(rule(finding, report.risks.get(&finding.rule)));
            }
        }
        rules
    }
}

/// The rule of a finding: its risk in words, where it has one. A check says what to do with the object at hand, so that
/// its rule takes no words that name one.
fn rule<'a>(finding: &'a Finding, risk: Option<&'a About>) -> Rule<'a> {
    let (title, gives, attack, reference) = match risk {
        Some(risk) => (risk.title.clone(), &risk.gives, &risk.attack, &risk.reference),
        None => (finding.rule.replace('-', " "), &finding.gives, &finding.attack, &finding.reference),
    };
    let fix = risk.map_or("Each result says what to do.", |risk| &risk.fix);
    let help_uri = Some(reference.as_str()).filter(|text| is_address(text));
    let more = help_uri.map(|uri| format!("\n\nMore: {uri}")).unwrap_or_default();
    let mut tags = vec!["security", "kubernetes"];
    for id in attack {
        // Tags are a set (§3.8.2.1).
        if tags.len() < MOST_TAGS && !tags.contains(&id.as_str()) {
            tags.push(id);
        }
    }
    Rule {
        id: rule_id(finding),
        short_description: Text::new(&capitalized(&title)),
        full_description: Text::new(gives),
        help: Text::new(&format!("{fix}{more}")),
        help_uri,
        default_configuration: Configuration { level: level(finding.severity) },
        properties: RuleProperties { tags, security_severity: score(finding.severity) },
    }
}

/// Whether a text can stand as it is where the standard asks for an address of a page (RFC 3986).
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_plain))
}

fn rule_id(finding: &Finding) -> String {
    format!("{}/{}", finding.rule, finding.severity)
}

fn output<'a>(report: &Report, finding: &'a Finding, rules: &Rules<'a>, suppresses: bool) -> Output<'a> {
    let mut places = places(finding).into_iter();
    let physical_location = match places.next() {
        Some(first) => in_file(first.at),
        None => in_cluster(&finding.object),
    };
    let main = Location {
        id: None,
        physical_location,
        logical_locations: vec![logical(&finding.object)],
        message: None,
    };
    let suppression = |accepted: &crate::report::Accepted| Suppression {
        kind: "external",
        status: "accepted",
        justification: format!("{} (until {})", accepted.reason, accepted.until),
    };
    Output {
        rule_id: rule_id(finding),
        rule_index: rules.index.get(&(finding.rule.as_str(), finding.severity)).copied().unwrap_or_default(),
        level: level(finding.severity),
        message: message(report, finding),
        locations: [main],
        related_locations: places.enumerate().map(related).collect(),
        // GitHub writes `HASH:COUNTER`.
        partial_fingerprints: Fingerprints {
            primary_location_line_hash: format!("{}:1", finding.id),
            finding: &finding.id,
        },
        suppressions: suppresses.then(|| finding.accepted.iter().map(suppression).collect()),
        properties: ResultProperties {
            severity: finding.severity.as_str(),
            view: finding.view.as_str(),
            scope: &finding.scope,
            risks: finding.risks.iter().map(|risk| risk.id.as_str()).collect(),
        },
    }
}

fn related((at, place): (usize, Place<'_>)) -> Location {
    Location {
        id: Some(at + 1),
        physical_location: in_file(place.at),
        logical_locations: Vec::new(),
        message: Some(Text::new(&place.what)),
    }
}

/// What is found, why, and what to do: all that a list of alerts shows of a result.
fn message(report: &Report, finding: &Finding) -> Text {
    let mut said = format!("{} {}", finding.object, finding.title);
    // Writing into a string cannot fail.
    if !finding.scope.is_empty() {
        let _ = write!(said, " ({})", finding.scope);
    }
    let _ = write!(said, ". {}", finding.gives);
    for because in &finding.because {
        let _ = write!(said, "\n- {}", because.what);
        for (word, who) in [("through", &because.binding), ("from", &because.role)] {
            if !who.is_empty() {
                let _ = write!(said, ", {word} {who}");
            }
        }
    }
    if finding.risks.len() > 1 {
        let words = |id: &str| report.risks.get(id).map_or(id, |about| &about.title).to_owned();
        let all = finding.risks.iter().map(|risk| format!("{} ({})", words(&risk.id), risk.severity));
        let _ = write!(said, "\nAll of it: {}", all.collect::<Vec<_>>().join(", "));
    }
    let _ = write!(said, "\nFix: {}", finding.fix);
    Text::new(&said)
}

fn driver(rules: Rules<'_>) -> Driver<'_> {
    let descriptor =
        |(_, id): (usize, &'static str), about| Descriptor { id, short_description: Text::new(about) };
    Driver {
        name: "Sundew",
        version: env!("CARGO_PKG_VERSION"),
        semantic_version: env!("CARGO_PKG_VERSION"),
        information_uri: env!("CARGO_PKG_REPOSITORY"),
        rules: rules.list,
        notifications: [
            descriptor(UNREAD, "A kind of object could not be read: nothing follows from its absence"),
            descriptor(NOTICE, "Something was odd in what was read"),
            descriptor(LEFT_OUT, "There were more findings than fit"),
        ],
    }
}

fn invocation(report: &Report, left_out: usize) -> Invocation {
    let note = |(index, id), level, text: &str| Notification {
        descriptor: DescriptorReference { id, index },
        level,
        message: Text::new(text),
    };
    let cluster = &report.cluster;
    let unread = cluster.unread.iter();
    let mut notes: Vec<_> = unread
        .map(|u| note(UNREAD, "warning", &format!("{} could not be read: {}", u.resource, u.reason)))
        .collect();
    notes.extend(cluster.notices.iter().map(|notice| note(NOTICE, "note", notice)));
    if left_out > 0 {
        let text = format!("{left_out} less severe findings are left out; the JSON report has all");
        notes.push(note(LEFT_OUT, "warning", &text));
    }
    Invocation {
        execution_successful: true,
        end_time_utc: report.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        tool_execution_notifications: notes,
    }
}

/// What sets this run apart from those of other clusters: GitHub closes alerts only by runs of the same category,
/// which is all before the last slash.
fn category(report: &Report) -> String {
    let name = &report.cluster.name;
    if name.is_empty() { "sundew/".to_owned() } else { format!("sundew/{}/", place::component(name)) }
}

fn bases(findings: &[&Finding]) -> BTreeMap<&'static str, BaseId> {
    let from_cluster = findings.iter().any(|finding| places(finding).is_empty());
    let description = Text::new("Objects that were read from a cluster: their addresses there, and no files");
    from_cluster.then_some((place::CLUSTER, BaseId { description })).into_iter().collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// GitHub's scale: critical over 9, high from 7, medium from 4, low from 0.1. What is only worth knowing has none.
fn score(severity: Severity) -> Option<&'static str> {
    match severity {
        Severity::Critical => Some("9.5"),
        Severity::High => Some("8.0"),
        Severity::Medium => Some("5.5"),
        Severity::Low => Some("2.0"),
        Severity::Info => None,
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
