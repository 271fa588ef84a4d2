//! Fills the words of a persona in, each with one value for the whole plan; only what is random comes out
//! differently at each place.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::{Choice, PlanError, choose};
use crate::{
    persona::{Persona, Right},
    surroundings::Surroundings,
    words::{self, Word},
};

/// The words that a user can set besides the persona's own.
const SETTABLE: &[&str] = &["cluster", "image"];

pub(super) struct Filling<'p> {
    persona: &'p Persona,
    /// `namespace`, `cluster`, and `image` where one is known.
    common: BTreeMap<&'static str, String>,
    own: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    random: &'p mut dyn FnMut(usize) -> String,
}

impl<'p> Filling<'p> {
    pub(super) fn new(
        persona: &'p Persona,
        around: &Surroundings,
        namespace: &str,
        choice: &Choice,
        random: &'p mut dyn FnMut(usize) -> String,
    ) -> Result<Self, PlanError> {
        let settable = |name: &str| persona.words.contains_key(name) || SETTABLE.contains(&name);
        if let Some(name) = choice.words.keys().find(|name| !settable(name)) {
            return Err(unknown_word(persona, name));
        }
        let mut common = BTreeMap::from([
            ("namespace", namespace.to_owned()),
            ("cluster", choose::for_names(&around.cluster)),
        ]);
        if let Some(image) = choose::image(around, namespace) {
            common.insert("image", image);
        }
        for name in SETTABLE {
            if let Some(value) = choice.words.get(*name) {
                common.insert(name, value.clone());
            }
        }
        let mut filling = Self { persona, common, own: BTreeMap::new(), secrets: BTreeMap::new(), random };
        for name in persona.words.keys() {
            filling.own_word(name, choice, 0)?;
        }
        Ok(filling)
    }

    fn own_word(&mut self, name: &str, choice: &Choice, depth: usize) -> Result<String, PlanError> {
        if let Some(value) = self.own.get(name) {
            return Ok(value.clone());
        }
        // A user's value can make a circle that the file has not.
        if depth > self.persona.words.len() {
            return Err(self.broken(format!("word `{name}` is made of itself")));
        }
        let persona = self.persona;
        let text = choice.words.get(name).or_else(|| persona.words.get(name));
        let text = text.ok_or_else(|| unknown_word(persona, name))?;
        let value = words::fill(text, &mut |word| {
            if word.of.is_none() && persona.words.contains_key(word.name) {
                return self.own_word(word.name, choice, depth + 1).map(Some);
            }
            self.value(word)
        })?;
        self.own.insert(name.to_owned(), value.clone());
        Ok(value)
    }

    pub(super) fn account(&self) -> &str {
        self.own.get("account").map_or("", String::as_str)
    }

    /// The Secret of a placement, by the placement's name.
    pub(super) fn secret(&self, placement: &str) -> &str {
        self.secrets.get(placement).map_or("", String::as_str)
    }

    /// Makes the Secret's name of a placement known, from its text.
    pub(super) fn name_secret(&mut self, placement: &str, text: &str) -> Result<(), PlanError> {
        let name = self.text(text)?;
        self.secrets.insert(placement.to_owned(), name);
        Ok(())
    }

    pub(super) fn text(&mut self, text: &str) -> Result<String, PlanError> {
        words::fill(text, &mut |word| self.value(word))
    }

    fn value(&mut self, word: &Word<'_>) -> Result<Option<String>, PlanError> {
        match (word.name, word.of) {
            ("random5", None) => Ok(Some((self.random)(5))),
            ("random10", None) => Ok(Some((self.random)(10))),
            ("hex6", None) => Ok(Some(self.hex())),
            ("token" | "kubeconfig", Some(_)) => Ok(None),
            ("secret", Some(of)) => match self.secrets.get(of) {
                Some(name) => Ok(Some(name.clone())),
                None => Err(self.broken(format!("`{}`: placement `{of}` is not made", word.whole))),
            },
            ("image", None) if !self.common.contains_key("image") => {
                let problem =
                    "no image is known that this cluster runs already; name one with --set image=IMAGE";
                Err(self.broken(problem.into()))
            }
            (name, None) => {
                let value = self.own.get(name).or_else(|| self.common.get(name));
                value.cloned().map(Some).ok_or_else(|| unknown_word(self.persona, name))
            }
            _ => Err(unknown_word(self.persona, word.whole)),
        }
    }

    /// Six hexadecimal digits. `random` gives letters of another alphabet, so they are hashed.
    fn hex(&mut self) -> String {
        let random = (self.random)(10);
        digest(&SHA256, random.as_bytes()).as_ref().iter().take(3).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn manifest(&mut self, value: &Value) -> Result<Value, PlanError> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(text)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.manifest(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let mut filled = Map::new();
                for (key, item) in fields {
                    let key = self.text(key)?;
                    if filled.insert(key.clone(), self.manifest(item)?).is_some() {
                        return Err(self.broken(format!("the key `{key}` comes out twice")));
                    }
                }
                Value::Object(filled)
            }
            other => other.clone(),
        })
    }

    pub(super) fn right(&mut self, right: &Right) -> Result<Right, PlanError> {
        let mut list = |texts: &[String]| texts.iter().map(|text| self.text(text)).collect::<Result<_, _>>();
        Ok(Right {
            verbs: list(&right.verbs)?,
            api_groups: list(&right.api_groups)?,
            resources: list(&right.resources)?,
            resource_names: list(&right.resource_names)?,
            non_resource_urls: list(&right.non_resource_urls)?,
        })
    }

    fn broken(&self, problem: String) -> PlanError {
        PlanError::Broken { persona: self.persona.id.clone(), problem }
    }
}

fn unknown_word(persona: &Persona, name: &str) -> PlanError {
    let known: Vec<&str> = persona.words.keys().map(String::as_str).chain(SETTABLE.iter().copied()).collect();
    PlanError::Unknown {
        persona: persona.id.clone(),
        what: "word",
        name: name.to_owned(),
        known: known.join(", "),
    }
}
