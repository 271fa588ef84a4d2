//! Lists whose entries are told apart by `type`, read so that every error knows its place.
//!
//! Serde's own way of it (`tag = "type"`) copies an entry before it knows what it is, and the copy does not know where
//! it stood. Here the text is read twice: for the types alone, and then for the entries, each with its type known.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};
use sundew_decoy::yaml::{self, YamlError};

/// The key that says what an entry is.
const TYPE: &str = "type";

/// What can stand under `type` in one of the lists.
pub(super) trait Kind: Copy {
    type Entry;

    /// Reads the other keys of an entry of this kind.
    fn read<'de, D: Deserializer<'de>>(self, entry: D) -> Result<Self::Entry, D::Error>;
}

/// An entry of which only the kind is known.
#[derive(Debug, Deserialize)]
pub(super) struct Tagged<K> {
    #[serde(rename = "type")]
    kind: K,
}

/// Reads the list under `key` of the mapping that `text` is; `kinds` are what its entries said they are.
pub(super) fn read<K: Kind>(
    text: &str,
    key: &'static str,
    kinds: &[Tagged<K>],
) -> Result<Vec<K::Entry>, YamlError> {
    yaml::read_with(text, List { key, kinds })
}

/// The mapping with the list in it.
struct List<'k, K> {
    key: &'static str,
    kinds: &'k [Tagged<K>],
}

impl<'de, K: Kind> DeserializeSeed<'de> for List<'_, K> {
    type Value = Vec<K::Entry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, K: Kind> Visitor<'de> for List<'_, K> {
    type Value = Vec<K::Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == self.key {
                entries = map.next_value_seed(Entries(self.kinds))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(entries)
    }
}

struct Entries<'k, K>(&'k [Tagged<K>]);

impl<'de, K: Kind> DeserializeSeed<'de> for Entries<'_, K> {
    type Value = Vec<K::Entry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, K: Kind> Visitor<'de> for Entries<'_, K> {
    type Value = Vec<K::Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        for tagged in self.0 {
            entries.extend(list.next_element_seed(Entry(tagged.kind))?);
        }
        // As many as there are kinds, so this only reads the end.
        list.next_element::<IgnoredAny>()?;
        Ok(entries)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

struct Entry<K>(K);

impl<'de, K: Kind> DeserializeSeed<'de> for Entry<K> {
    type Value = K::Entry;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.read(Untyped(deserializer))
    }
}

/// A mapping without its key `type`.
struct Untyped<T>(T);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Untyped<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Untyped(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, Untyped(visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Untyped<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Untyped(map))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Untyped<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let mut seed = Some(seed);
        loop {
            match self.0.next_key_seed(KeyButType(&mut seed, PhantomData))? {
                None => return Ok(None),
                Some(Some(key)) => return Ok(Some(key)),
                Some(None) => {
                    self.0.next_value::<IgnoredAny>()?;
                }
            }
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

/// Reads a key as its seed does, but none where the key is `type`. The seed's refusal of an unknown key is made while
/// the parser stands at the key, which is how the error gets its place.
struct KeyButType<'s, S, T>(&'s mut Option<S>, PhantomData<T>);

impl<'de, S: DeserializeSeed<'de, Value = T>, T> DeserializeSeed<'de> for KeyButType<'_, S, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, S: DeserializeSeed<'de, Value = T>, T> Visitor<'de> for KeyButType<'_, S, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        match self.0.take() {
            Some(seed) if key != TYPE => seed.deserialize(key.into_deserializer()).map(Some),
            seed => {
                *self.0 = seed;
                Ok(None)
            }
        }
    }
}
