//! One set of rules in both engines.

use rsigma_eval::{Engine, event::JsonEvent};
use sundew_audit::parse;
use sundew_sigma::{RuleSet, Source};

pub(crate) struct Both {
    ours: RuleSet,
    theirs: Engine,
}

impl Both {
    /// Rules that both engines take.
    pub(crate) fn of(yaml: &str) -> Self {
        let loaded = RuleSet::load(&[Source { name: "rules.yml".into(), text: yaml.into() }]);
        assert_eq!(loaded.errors, [], "{yaml}");
        let collection = rsigma_parser::parse_sigma_yaml(yaml).expect("ours took it");
        assert!(collection.errors.is_empty(), "{:?}\n{yaml}", collection.errors);
        let mut theirs = Engine::new();
        theirs.add_collection(&collection).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        Self { ours: loaded.set, theirs }
    }

    /// The titles of the rules that the event meets, as ours and as theirs has it.
    pub(crate) fn judge(&self, json: &str) -> [Vec<String>; 2] {
        let event = parse::event(json).unwrap_or_else(|error| panic!("{error}\n{json}"));
        let mut hits = Vec::new();
        self.ours.judge(&event, &mut hits);
        let mut ours: Vec<_> = hits.iter().map(|hit| self.ours.rule(hit.rule).title.clone()).collect();
        let value = serde_json::from_str(json).expect("it was parsed before");
        let results = self.theirs.evaluate(&JsonEvent::borrow(&value));
        let mut theirs: Vec<_> = results.into_iter().map(|result| result.header.rule_title).collect();
        ours.sort();
        theirs.sort();
        [ours, theirs]
    }
}
