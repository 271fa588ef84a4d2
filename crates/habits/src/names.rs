//! Texts that many habits share, each kept once and for as long as somebody uses it.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// How long a text is kept, in bytes. Kubernetes' names end at 253 (RFC 1123); paths come from outside.
const MOST: usize = 253;

/// A text in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Name(pub(crate) u32);

impl Name {
    /// The empty text, which is always there.
    pub(crate) const EMPTY: Self = Self(0);
    /// No text: more than one, where a habit has room for one only.
    pub(crate) const MANY: Self = Self(u32::MAX);

    fn counts(self) -> bool {
        self != Self::EMPTY && self != Self::MANY
    }
}

/// All texts.
#[derive(Debug, Default)]
pub(crate) struct Names {
    table: HashTable<u32>,
    held: Vec<Held>,
    free: Vec<u32>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug)]
struct Held {
    text: Box<str>,
    uses: u32,
}

impl Names {
    /// The name of `text`, used once more: whoever holds it lets go of it with [`Names::release`].
    pub(crate) fn hold(&mut self, text: &str) -> Name {
        let text = &text[..text.floor_char_boundary(MOST)];
        if text.is_empty() {
            return Name::EMPTY;
        }
        let hash = self.hasher.hash_one(text);
        let held = &mut self.held;
        if let Some(at) = self.table.find(hash, |at| &*held[index(*at)].text == text) {
            held[index(*at)].uses += 1;
            return Name(*at + 1);
        }
        let new = Held { text: text.into(), uses: 1 };
        let at = if let Some(at) = self.free.pop() {
            held[index(at)] = new;
            at
        } else {
            // Bounded by what identities may remember, far below 32 bits.
            held.push(new);
            u32::try_from(held.len() - 1).unwrap_or(u32::MAX - 2)
        };
        self.table.insert_unique(hash, at, |at| self.hasher.hash_one(&*held[index(*at)].text));
        Name(at + 1)
    }

    /// The name of `text`, where somebody holds it.
    pub(crate) fn find(&self, text: &str) -> Option<Name> {
        let held = &self.held;
        let at = self.table.find(self.hasher.hash_one(text), |at| &*held[index(*at)].text == text)?;
        Some(Name(at + 1))
    }

    /// One more holds `name`.
    pub(crate) fn share(&mut self, name: Name) -> Name {
        if name.counts() {
            self.held[index(name.0 - 1)].uses += 1;
        }
        name
    }

    /// One less holds `name`; the last one takes it away.
    pub(crate) fn release(&mut self, name: Name) {
        if !name.counts() {
            return;
        }
        let at = name.0 - 1;
        let held = &mut self.held[index(at)];
        held.uses -= 1;
        if held.uses > 0 {
            return;
        }
        let text = std::mem::take(&mut held.text);
        let hash = self.hasher.hash_one(&*text);
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == at) {
            entry.remove();
        }
        self.free.push(at);
    }

    /// The text of a name that is held.
    pub(crate) fn text(&self, name: Name) -> &str {
        if name.counts() { &self.held[index(name.0 - 1)].text } else { "" }
    }

    /// How many texts there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

fn index(at: u32) -> usize {
    at as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_while_somebody_holds_it() {
        let mut names = Names::default();
        let shop = names.hold("shop");
        assert_eq!(names.hold("shop"), shop);
        names.release(shop);
        assert_eq!((names.text(shop), names.len()), ("shop", 1));
        names.release(shop);
        assert_eq!(names.len(), 0);
        let other = names.hold("other");
        assert_eq!((other, names.text(other)), (shop, "other"));
    }

    #[test]
    fn the_empty_text_is_always_there() {
        let mut names = Names::default();
        let empty = names.hold("");
        names.release(empty);
        assert_eq!((empty, names.text(empty), names.len()), (Name::EMPTY, "", 0));
    }

    #[test]
    fn a_long_text_is_cut() {
        let mut names = Names::default();
        let name = names.hold(&"é".repeat(500));
        assert_eq!(names.text(name).len(), 252);
    }
}
