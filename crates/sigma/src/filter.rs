//! Sigma filters: exclusions that apply to rules of other files.

use rsigma_parser::{FilterRule, FilterRuleTarget, LogSource, SigmaRule};

use crate::load::Fault;

/// Whether `filter` applies to `rule`, which is called `name`.
pub(crate) fn applies(filter: &FilterRule, rule: &SigmaRule, name: &str) -> bool {
    let named = match &filter.rules {
        FilterRuleTarget::Any => true,
        FilterRuleTarget::Specific(named) => named.iter().any(|target| is_called(rule, name, target)),
    };
    named && filter.logsource.as_ref().is_none_or(|wanted| covers(wanted, &rule.logsource))
}

/// A filter that names rules of which there is none.
pub(crate) fn no_rule(filter: &FilterRule) -> Fault {
    let named = match &filter.rules {
        FilterRuleTarget::Any => "any rule".to_owned(),
        FilterRuleTarget::Specific(named) => named.join(", "),
    };
    let what = format!("the filter is for {named}, and no detection with this log source is called so");
    Fault::new(what, "name a detection by its `name` or `id`").near("rules:")
}

/// By id or title as in the reference, and by the name that everything else here uses.
fn is_called(rule: &SigmaRule, name: &str, target: &str) -> bool {
    rule.id.as_deref() == Some(target) || rule.title == target || name == target
}

/// Whether each part of the log source that the filter names is the rule's too.
fn covers(filter: &LogSource, rule: &LogSource) -> bool {
    let same = |filter: &Option<String>, rule: &Option<String>| match (filter, rule) {
        (None, _) => true,
        (Some(filter), Some(rule)) => filter.eq_ignore_ascii_case(rule),
        (Some(_), None) => false,
    };
    same(&filter.product, &rule.product)
        && same(&filter.service, &rule.service)
        && same(&filter.category, &rule.category)
}
