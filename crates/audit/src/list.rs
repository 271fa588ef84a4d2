//! Small lists that live inside the event, so that reading one allocates nothing in the usual case.

use smallvec::SmallVec;

use crate::text::Text;

/// Strings of one list: groups, addresses, values of one extra key.
pub(crate) type Texts<'a> = SmallVec<[Text<'a>; 4]>;
/// Key and value of a map of strings, in order of the input; a later duplicate of a key has replaced the earlier.
pub(crate) type Pairs<'a> = SmallVec<[(Text<'a>, Text<'a>); 6]>;
/// Key and values of `user.extra`.
pub(crate) type ListPairs<'a> = SmallVec<[(Text<'a>, SmallVec<[Text<'a>; 1]>); 4]>;

/// Puts `value` under `key`, replacing what stood there: the last of duplicate keys counts, as in Go's decoder.
pub(crate) fn put<'a, V, A>(list: &mut SmallVec<A>, key: Text<'a>, value: V)
where
    A: smallvec::Array<Item = (Text<'a>, V)>,
{
    match list.iter_mut().find(|(k, _)| *k == key) {
        Some(slot) => slot.1 = value,
        None => list.push((key, value)),
    }
}
