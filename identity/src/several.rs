//! Values of which there are several: how many there may be is a part of the type, as is that none stands twice.

use crate::encoding::Invalid;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::ops::Deref;

/// `MIN` to `MAX` values, none twice, in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Several<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T: PartialEq, const MIN: usize, const MAX: usize> Several<T, MIN, MAX> {
    /// Takes values. Refused: too few, too many, one that stands twice.
    pub fn new(values: Vec<T>) -> Result<Self, Invalid> {
        if !(MIN..=MAX).contains(&values.len()) {
            return Err(Invalid("there are too few or too many values"));
        }
        // A few hundred at most: comparing all of them is cheap, and asks for no order.
        let mut rest = values.as_slice();
        while let Some((first, others)) = rest.split_first() {
            if others.contains(first) {
                return Err(Invalid("a value stands twice"));
            }
            rest = others;
        }
        Ok(Several(values))
    }
}

impl<T, const MAX: usize> Several<T, 1, MAX> {
    /// A single value.
    pub fn one(value: T) -> Self {
        const { assert!(MAX > 0) };
        Several(vec![value])
    }
}

impl<T, const MAX: usize> Default for Several<T, 0, MAX> {
    fn default() -> Self {
        Several(Vec::new())
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for Several<T, MIN, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MIN: usize, const MAX: usize> IntoIterator for Several<T, MIN, MAX> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'s, T, const MIN: usize, const MAX: usize> IntoIterator for &'s Several<T, MIN, MAX> {
    type Item = &'s T;
    type IntoIter = std::slice::Iter<'s, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<C, T: Encode<C>, const MIN: usize, const MAX: usize> Encode<C> for Several<T, MIN, MAX> {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, c: &mut C) -> Result<(), encode::Error<W::Error>> {
        self.0.encode(e, c)
    }
}

impl<'b, C, T, const MIN: usize, const MAX: usize> Decode<'b, C> for Several<T, MIN, MAX>
where
    T: Decode<'b, C> + PartialEq,
{
    fn decode(d: &mut Decoder<'b>, c: &mut C) -> Result<Self, decode::Error> {
        Several::new(Vec::decode(d, c)?).map_err(decode::Error::custom)
    }
}

impl<T: Serialize, const MIN: usize, const MAX: usize> Serialize for Several<T, MIN, MAX> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de, T, const MIN: usize, const MAX: usize> Deserialize<'de> for Several<T, MIN, MAX>
where
    T: Deserialize<'de> + PartialEq,
{
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let values = Vec::deserialize(d)?;
        Several::new(values).map_err(|_| {
            serde::de::Error::custom(format_args!("a list of {MIN} to {MAX} values, none of them twice"))
        })
    }
}

impl<T: JsonSchema, const MIN: usize, const MAX: usize> JsonSchema for Several<T, MIN, MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("{MIN}To{MAX}{}", T::schema_name()).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "array",
            "items": generator.subschema_for::<T>(),
            "minItems": MIN,
            "maxItems": MAX,
            "uniqueItems": true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Two = Several<u8, 1, 2>;

    #[test]
    fn too_few_too_many_and_one_that_stands_twice_are_refused() {
        for (values, bytes) in
            [(vec![], &b"\x80"[..]), (vec![1, 2, 3], b"\x83\x01\x02\x03"), (vec![1, 1], b"\x82\x01\x01")]
        {
            assert!(Two::new(values.clone()).is_err());
            let json = serde_json::to_string(&values).unwrap();
            let told = serde_json::from_str::<Two>(&json).unwrap_err().to_string();
            assert!(told.starts_with("a list of 1 to 2 values, none of them twice"), "{told}");
            assert!(decode::<Two>(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_taken_keeps_its_order_and_is_encoded_like_a_list() {
        let two = Two::new(vec![2, 1]).unwrap();
        assert_eq!(two.iter().copied().collect::<Vec<_>>(), [2, 1]);
        assert_eq!(minicbor::to_vec(&two).unwrap(), minicbor::to_vec(vec![2u8, 1]).unwrap());
        assert_eq!(serde_json::to_string(&two).unwrap(), "[2,1]");
    }
}
