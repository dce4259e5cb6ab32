//! CBOR as a person reads it (RFC 8949 §8), for what our encodings use of it.

use minicbor::Decoder;
use minicbor::data::Type;

/// One value and everything in it.
pub(crate) fn diagnostic(bytes: &[u8]) -> String {
    let mut d = Decoder::new(bytes);
    let text = value(&mut d);
    assert_eq!(d.position(), bytes.len(), "one value and no more");
    text
}

fn value(d: &mut Decoder<'_>) -> String {
    match d.datatype().unwrap() {
        Type::Bool => d.bool().unwrap().to_string(),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => d.u64().unwrap().to_string(),
        Type::String => format!("{:?}", d.str().unwrap()),
        Type::Bytes => format!("h'{}'", identity::id::hex(d.bytes().unwrap())),
        Type::Null => {
            d.null().unwrap();
            "null".to_owned()
        }
        Type::Array => {
            let count = d.array().unwrap().unwrap();
            let values: Vec<String> = (0..count).map(|_| value(d)).collect();
            format!("[{}]", values.join(", "))
        }
        other => panic!("nothing of ours is a {other}"),
    }
}
