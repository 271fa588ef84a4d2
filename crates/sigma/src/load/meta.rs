//! What a rule says about itself.

use rsigma_parser::{CorrelationRule, SigmaRule};

use crate::{AuditLevel, Kind, Level, Rule};

/// The library's detections and correlations have the same words about themselves in two types without a common one.
macro_rules! rule_of {
    ($rule:expr, $file:expr, $kind:expr, $reads:expr) => {{
        let rule = $rule;
        let own = |key: &str| text(rule.custom_attributes.get(key).and_then(|value| value.as_str()));
        Rule {
            name: name_of(rule.name.as_deref(), rule.id.as_deref(), &rule.title),
            id: rule.id.clone(),
            title: rule.title.clone(),
            description: text(rule.description.as_deref()).unwrap_or_default(),
            level: level(rule.level),
            attack: techniques(&rule.tags),
            false_positives: rule.falsepositives.clone(),
            fix: own("fix"),
            audit_level: own("audit_level").and_then(|level| audit_level(&level)).unwrap_or($reads),
            unseen: own("unseen"),
            references: rule.references.clone(),
            status: rule.status.map(status),
            file: $file.to_owned(),
            kind: $kind,
            silent: false,
        }
    }};
}

/// What a detection says about itself. `reads` is the audit level that its fields need.
pub(crate) fn rule_of_detection(rule: &SigmaRule, file: &str, reads: AuditLevel) -> Rule {
    rule_of!(rule, file, Kind::Detection, reads)
}

/// What a correlation says about itself; the audit level, unless it says that, is that of the rules it refers to, which
/// are not known here.
pub(crate) fn rule_of_correlation(rule: &CorrelationRule, file: &str) -> Rule {
    rule_of!(rule, file, Kind::Correlation, AuditLevel::Metadata)
}

/// The short name: see [`Rule::name`].
pub(crate) fn name_of(name: Option<&str>, id: Option<&str>, title: &str) -> String {
    if let Some(name) = name.or(id).filter(|name| !name.trim().is_empty()) {
        return name.trim().to_owned();
    }
    let plain = title.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    plain.collect::<String>().trim_matches('_').to_owned()
}

/// The audit level of this name.
pub(crate) fn audit_level(name: &str) -> Option<AuditLevel> {
    [AuditLevel::Metadata, AuditLevel::Request, AuditLevel::RequestResponse]
        .into_iter()
        .find(|level| level.as_str().eq_ignore_ascii_case(name.trim()))
}

fn level(level: Option<rsigma_parser::Level>) -> Level {
    match level {
        Some(rsigma_parser::Level::Informational) => Level::Informational,
        Some(rsigma_parser::Level::Low) => Level::Low,
        None | Some(rsigma_parser::Level::Medium) => Level::Medium,
        Some(rsigma_parser::Level::High) => Level::High,
        Some(rsigma_parser::Level::Critical) => Level::Critical,
    }
}

fn status(status: rsigma_parser::Status) -> String {
    let word = match status {
        rsigma_parser::Status::Stable => "stable",
        rsigma_parser::Status::Test => "test",
        rsigma_parser::Status::Experimental => "experimental",
        rsigma_parser::Status::Deprecated => "deprecated",
        rsigma_parser::Status::Unsupported => "unsupported",
    };
    word.to_owned()
}

/// Tags such as `attack.t1552.007` as `T1552.007`; tactics and other tags are left out.
fn techniques(tags: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for tag in tags {
        let Some(id) = tag.to_ascii_uppercase().strip_prefix("ATTACK.").map(str::to_owned) else { continue };
        let digits = id.strip_prefix('T').unwrap_or_default();
        if digits.starts_with(|c: char| c.is_ascii_digit()) && !all.contains(&id) {
            all.push(id);
        }
    }
    all
}

fn text(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}
