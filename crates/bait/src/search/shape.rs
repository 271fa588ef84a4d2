//! How much an account looks like a persona's: its name, its Secrets' names, its namespace.

use sundew_decoy::persona::{Persona, PlacementDraft, matches};
use sundew_posture::model::{Account, Secret};

/// Fewer letters than this that are no wildcard would be like anything.
const LETTERS: usize = 3;
/// The most words in a text, those within words among them: a circle of them ends here.
const WORDS: usize = 16;

/// What an account has of a persona.
#[derive(Debug)]
pub(super) struct Shape<'p> {
    pub(super) persona: &'p Persona,
    pub(super) points: u32,
    pub(super) because: Vec<String>,
    namespace: String,
}

/// The persona that an account looks most like, by its name or one of its Secrets' names; none where it looks like none.
pub(super) fn likeness<'p>(
    personas: &'p [Persona],
    account: &Account,
    tokens: &[&Secret],
) -> Option<Shape<'p>> {
    let shapes = personas.iter().filter_map(|persona| Shape::of(persona, account, tokens));
    // Of equals the first in the order of the list.
    shapes.reduce(|best, next| if next.points > best.points { next } else { best })
}

impl<'p> Shape<'p> {
    fn of(persona: &'p Persona, account: &Account, tokens: &[&Secret]) -> Option<Self> {
        let namespace = account.meta.namespace.to_string();
        let mut shape = Self { persona, points: 0, because: Vec::new(), namespace };
        let id = &persona.id;
        let pattern = persona.words.get("account").map(|pattern| shape.filled(pattern));
        if pattern.is_some_and(|pattern| is_like(&pattern, &account.meta.name)) {
            shape.add(3, format!("its name is the one of persona {id}"));
        }
        for secret in tokens {
            if shape.drafts(&secret.meta.name).next().is_some() {
                shape.add(2, format!("Secret {} is named as those of persona {id}", secret.meta.name));
            }
        }
        if shape.points == 0 {
            return None;
        }
        if persona.namespaces.contains(&shape.namespace) {
            shape.add(1, format!("persona {id} belongs into its namespace"));
        }
        Some(shape)
    }

    fn add(&mut self, points: u32, because: String) {
        self.points += points;
        self.because.push(because);
    }

    /// The persona's placement whose Secret is named so; none where it could be another one's as well.
    pub(super) fn placement(&self, secret: &str) -> Option<&'p PlacementDraft> {
        let mut drafts = self.drafts(secret);
        drafts.next().filter(|_| drafts.next().is_none())
    }

    fn drafts(&self, secret: &str) -> impl Iterator<Item = &'p PlacementDraft> {
        self.persona.placements.iter().filter(move |draft| is_like(&self.filled(&draft.secret), secret))
    }

    /// A text of the persona as a pattern: what only the planting knew is `*`.
    fn filled(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for _ in 0..WORDS {
            let Some((before, rest)) = filled.split_once('{') else { break };
            let Some((word, after)) = rest.split_once('}') else { break };
            let value = match word {
                "namespace" => &self.namespace,
                _ => self.persona.words.get(word).map_or("*", String::as_str),
            };
            filled = format!("{before}{value}{after}");
        }
        filled
    }
}

fn is_like(pattern: &str, name: &str) -> bool {
    pattern.chars().filter(|c| *c != '*').count() >= LETTERS && matches(pattern, name)
}
