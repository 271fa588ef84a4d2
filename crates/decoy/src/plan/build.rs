//! The objects of a plan, from a persona's drafts and from what is made by itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{PlanError, Planned, filling::Filling};
use crate::{
    MountedBy, Object, Part, Placement, kinds,
    persona::{Draft, Persona, PlacementDraft},
    words,
};

/// The type of a Secret that the token controller fills.
pub(super) const TOKEN_TYPE: &str = "kubernetes.io/service-account-token";
/// The annotation that names its account.
pub(super) const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

/// An object, and the word that its name comes from.
pub(super) struct Built {
    pub(super) planned: Planned,
    pub(super) word: String,
}

pub(super) struct Builder<'p> {
    pub(super) persona: &'p Persona,
    pub(super) namespace: &'p str,
    /// Those that are made.
    pub(super) placements: Vec<&'p PlacementDraft>,
}

impl Builder<'_> {
    /// The account, the Secrets, then the rest in the order of the drafts.
    pub(super) fn objects(&self, filling: &mut Filling<'_>) -> Result<Vec<Built>, PlanError> {
        let mut drafted = Vec::new();
        for draft in &self.persona.objects {
            if self.is_made(draft)? {
                drafted.push(self.drafted(draft, filling)?);
            }
        }
        let mut take = |kind: &str, name: &str| {
            let at = drafted.iter().position(|built: &Built| {
                built.planned.object.kind == kind && built.planned.object.name == name
            });
            at.map(|at| drafted.remove(at))
        };
        let account = filling.account().to_owned();
        let mut objects = vec![match take("ServiceAccount", &account) {
            Some(built) => built,
            None => self.made("account", service_account(self.namespace, &account), Part::Account),
        }];
        for placement in &self.placements {
            let name = filling.secret(&placement.name);
            objects.push(match take("Secret", name) {
                Some(built) => with_account(built, &account),
                None => {
                    let word = self.word_of(&placement.secret);
                    self.made(&word, token_secret(self.namespace, name, &account), Part::Token)
                }
            });
        }
        objects.extend(drafted);
        Ok(objects)
    }

    /// How the inventory lists the placements. `objects` are the plan's.
    pub(super) fn listed(
        &self,
        filling: &mut Filling<'_>,
        objects: &[Built],
    ) -> Result<Vec<Placement>, PlanError> {
        let mut listed = Vec::new();
        for draft in &self.placements {
            let mounted_by = match &draft.mounted_by {
                Some(workload) => {
                    let name = filling.text(workload)?;
                    Some(self.mounted_by(draft, &name, filling.secret(&draft.name), objects)?)
                }
                None => None,
            };
            listed.push(Placement {
                name: Some(draft.name.clone()),
                secret: Some(filling.secret(&draft.name).to_owned()),
                credential_id: None,
                location: Some(filling.text(&draft.location)?),
                outside: draft.outside,
                mounted_by,
            });
        }
        Ok(listed)
    }

    fn mounted_by(
        &self,
        draft: &PlacementDraft,
        name: &str,
        secret: &str,
        objects: &[Built],
    ) -> Result<MountedBy, PlanError> {
        let is_it = |built: &&Built| {
            let object = &built.planned.object;
            object.name == name && kinds::of(&object.kind).is_some_and(|kind| kind.pod.is_some())
        };
        let broken = |problem: &str| {
            self.broken(format!("placement `{}` is mounted by `{name}`, which {problem}", draft.name))
        };
        let built = objects.iter().find(is_it).ok_or_else(|| broken("is not made"))?;
        if !names_secret(&built.planned.manifest, secret) {
            return Err(broken("does not mount its Secret"));
        }
        let name = Some(name.to_owned());
        Ok(if built.planned.object.kind == "Pod" {
            MountedBy { pod: name, ..MountedBy::default() }
        } else {
            MountedBy { workload: name, ..MountedBy::default() }
        })
    }

    /// Whether a draft is made, now that only some placements are.
    fn is_made(&self, draft: &Draft) -> Result<bool, PlanError> {
        let kept = |name: &str| self.placements.iter().any(|placement| placement.name == name);
        let mut named = BTreeSet::new();
        each_text(&draft.manifest, &mut |text| named.extend(words::scan(text).filter_map(|word| word.of)));
        let is_made = if draft.serves.is_empty() {
            named.is_empty() || named.iter().any(|name| kept(name))
        } else {
            draft.serves.iter().any(|name| kept(name))
        };
        match named.iter().find(|name| is_made && !kept(name)) {
            Some(other) => {
                let what = draft.manifest["kind"].as_str().unwrap_or_default();
                Err(self.broken(format!("its {what} needs placement `{other}` too; choose that as well")))
            }
            None => Ok(is_made),
        }
    }

    fn drafted(&self, draft: &Draft, filling: &mut Filling<'_>) -> Result<Built, PlanError> {
        let mut manifest = filling.manifest(&draft.manifest)?;
        let kind = kinds::of(draft.manifest["kind"].as_str().unwrap_or_default());
        let kind = kind.ok_or_else(|| self.broken(format!("a decoy can only have {}", kinds::names())))?;
        if kind.namespaced && manifest["metadata"].is_object() && manifest["metadata"]["namespace"].is_null()
        {
            manifest["metadata"]["namespace"] = self.namespace.into();
        }
        let word = self.word_of(draft.manifest["metadata"]["name"].as_str().unwrap_or_default());
        Ok(self.made(&word, manifest, draft.part))
    }

    fn made(&self, word: &str, manifest: Value, part: Part) -> Built {
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let mut tokens = BTreeSet::new();
        each_text(&manifest, &mut |text| {
            let filled_later = |word: words::Word<'_>| matches!(word.name, "token" | "kubeconfig");
            let named = words::scan(text).filter(|word| filled_later(*word)).filter_map(|word| word.of);
            tokens.extend(named.map(ToOwned::to_owned));
        });
        let object = Object {
            api_version: text(&manifest["apiVersion"]).unwrap_or_default(),
            kind: text(&manifest["kind"]).unwrap_or_default(),
            namespace: text(&manifest["metadata"]["namespace"]),
            name: text(&manifest["metadata"]["name"]).unwrap_or_default(),
            uid: None,
            part,
            digest: None,
        };
        Built {
            planned: Planned { object, manifest, tokens: tokens.into_iter().collect() },
            word: word.to_owned(),
        }
    }

    /// The persona's own word that a name is made of.
    fn word_of(&self, text: &str) -> String {
        let own = |word: words::Word<'_>| match word.of {
            Some(of) => {
                let placement = self.persona.placements.iter().find(|placement| placement.name == of)?;
                Some(self.word_of(&placement.secret))
            }
            None => self.persona.words.contains_key(word.name).then(|| word.name.to_owned()),
        };
        words::scan(text).find_map(own).unwrap_or_else(|| "account".into())
    }

    fn broken(&self, problem: String) -> PlanError {
        PlanError::Broken { persona: self.persona.id.clone(), problem }
    }
}

fn service_account(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace},
    })
}

pub(super) fn token_secret(namespace: &str, name: &str, account: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "annotations": {ACCOUNT_NAME: account}},
        "type": TOKEN_TYPE,
    })
}

/// A drafted Secret need not say again what every token's Secret says.
fn with_account(mut built: Built, account: &str) -> Built {
    let manifest = &mut built.planned.manifest;
    if manifest["type"].is_null() {
        manifest["type"] = TOKEN_TYPE.into();
    }
    let annotations = &mut manifest["metadata"]["annotations"];
    if annotations.is_null() || (annotations.is_object() && annotations[ACCOUNT_NAME].is_null()) {
        annotations[ACCOUNT_NAME] = account.into();
    }
    built
}

/// Whether a volume of the pod's names that Secret.
fn names_secret(manifest: &Value, secret: &str) -> bool {
    let pod = kinds::of(manifest["kind"].as_str().unwrap_or_default()).and_then(|kind| kind.pod);
    let volumes = pod.and_then(|pod| manifest.pointer(pod)).and_then(|pod| pod["volumes"].as_array());
    volumes.into_iter().flatten().any(|volume| {
        let projected = volume["projected"]["sources"].as_array().into_iter().flatten();
        volume["secret"]["secretName"] == secret
            || projected.into_iter().any(|source| source["secret"]["name"] == secret)
    })
}

/// Shows every text of a manifest, keys too.
pub(crate) fn each_text<'v>(value: &'v Value, see: &mut dyn FnMut(&'v str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, see)),
        Value::Object(fields) => {
            for (key, item) in fields {
                see(key);
                each_text(item, see);
            }
        }
        _ => {}
    }
}
