//! Reads JSON of which nothing is sure: a field of another type is as if it were not there.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A value of the wanted type, or nothing: null, absent and of another type are one.
pub(super) struct Lenient<T>(pub(super) Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).ok()))
    }
}

/// Elements that are of the wanted type; the others are passed over one by one.
pub(super) struct LenientList<T>(pub(super) Vec<T>);

impl<T> Default for LenientList<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for LenientList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let list: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
        Ok(Self(list.iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect()))
    }
}

/// Makes structs of lenient fields, for a module that imports what its code names. Duplicate keys: the last counts, as it does for the API server.
macro_rules! lenient {
    ($($name:ident<$life:lifetime> { $($field:ident: $type:ty = $key:literal),+ $(,)? })+) => {$(
        #[derive(Default)]
        pub(super) struct $name<$life> { $($field: $type,)+ _borrow: PhantomData<&$life ()> }

        impl<'de: $life, $life> Deserialize<'de> for $name<$life> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields<$life>(PhantomData<&$life ()>);
                impl<'de: $life, $life> Visitor<'de> for Fields<$life> {
                    type Value = $name<$life>;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                        let mut value = $name::default();
                        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
                            match &*key {
                                $($key => value.$field = map.next_value()?,)+
                                _ => { map.next_value::<IgnoredAny>()?; }
                            }
                        }
                        Ok(value)
                    }
                    // A list of one where an object belongs, as `wrapped` builds it for a member of a list.
                    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
                        let first = list.next_element()?.unwrap_or_default();
                        while list.next_element::<IgnoredAny>()?.is_some() {}
                        Ok(first)
                    }
                }
                deserializer.deserialize_any(Fields(PhantomData))
            }
        }
    )+};
}

pub(super) use lenient;
