use super::*;
use crate::b64url;
use crate::testing::now;

fn bytes(seed: u8) -> [u8; 32] {
    std::array::from_fn(|i| seed ^ u8::try_from(i).unwrap())
}

fn key(seed: u8) -> MasterKey {
    MasterKey::new(Secret::new(bytes(seed))).unwrap()
}

fn keys(seeds: &[u8]) -> MasterKeys {
    MasterKeys::new(seeds.iter().copied().map(key).collect()).unwrap()
}

#[test]
fn a_key_reads_the_same_from_hex_and_base64url() {
    let expected = key(1).id().to_owned();
    let (lower, web) = (hex(&bytes(1)), b64url(&bytes(1)));
    for text in
        [lower.clone(), lower.to_uppercase(), format!(" {lower}\r\n"), web.clone(), format!("{web}=\n")]
    {
        assert_eq!(MasterKey::parse(&text).unwrap().id(), expected);
    }
}

#[test]
fn the_id_is_pinned() {
    assert_eq!(key(1).id(), "f5a6174c71f0501a");
}

#[test]
fn a_text_that_is_no_key_is_refused_by_its_length_and_not_repeated() {
    let long = hex(&bytes(1));
    let texts = [
        "",
        "hunter2",
        &long[..63],
        &format!("{long}0"),
        &long.replace('a', "g"),
        &b64url(&bytes(1)).replace('A', "+"),
    ];
    for text in texts {
        let error = MasterKey::parse(text).unwrap_err();
        assert_eq!(error, Error::MasterKeyText { found: text.len() });
        assert!(text.is_empty() || !error.to_string().contains(text));
    }
}

#[test]
fn a_key_of_one_repeated_byte_is_refused() {
    assert_eq!(MasterKey::parse(&"0".repeat(64)).unwrap_err(), Error::MasterKeyWeak);
    assert_eq!(MasterKey::parse(&"ab".repeat(32)).unwrap_err(), Error::MasterKeyWeak);
}

#[test]
fn what_a_key_wrapped_it_unwraps() {
    let wrapped = now(key(1).wrap(b"cluster key", [3; 12])).unwrap();
    assert_eq!(now(key(1).unwrap(&wrapped)).unwrap().expose(), b"cluster key");
    assert_eq!(wrapped_by(&wrapped).unwrap(), key(1).id());
}

#[test]
fn the_first_key_wraps_and_any_unwraps() {
    let old = now(keys(&[1]).wrap(b"cluster key", [3; 12])).unwrap();
    let both = keys(&[2, 1]);
    assert_eq!(both.key_id(), key(2).id());
    assert_eq!(both.ids().collect::<Vec<_>>(), [key(2).id(), key(1).id()]);
    assert_eq!(now(both.unwrap(&old)).unwrap().expose(), b"cluster key");
    let new = now(both.wrap(b"cluster key", [4; 12])).unwrap();
    assert_eq!(now(keys(&[2]).unwrap(&new)).unwrap().expose(), b"cluster key");
}

#[test]
fn a_missing_key_is_missed_by_name() {
    let wrapped = now(key(1).wrap(b"cluster key", [3; 12])).unwrap();
    let error = now(keys(&[2, 3]).unwrap(&wrapped)).unwrap_err();
    assert_eq!(error, Error::UnknownMasterKey { id: key(1).id().to_owned() });
    assert!(error.to_string().contains(key(1).id()));
}

#[test]
fn a_blob_that_claims_another_key_does_not_open() {
    let mut wrapped = now(key(1).wrap(b"cluster key", [3; 12])).unwrap();
    wrapped[1..9].copy_from_slice(&key(2).id_bytes);
    assert_eq!(now(keys(&[1, 2]).unwrap(&wrapped)).unwrap_err(), Error::Open);
}

#[test]
fn every_truncation_and_flipped_bit_is_noticed() {
    let wrapped = now(key(1).wrap(b"cluster key", [3; 12])).unwrap();
    for length in 0..wrapped.len() {
        assert!(now(key(1).unwrap(&wrapped[..length])).is_err(), "{length} bytes");
    }
    for bit in 0..wrapped.len() * 8 {
        let mut bad = wrapped.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(now(key(1).unwrap(&bad)).is_err(), "bit {bit}");
    }
}

#[test]
fn several_keys_are_read_in_order() {
    let text = format!("{}\n{}, {}\n", hex(&bytes(1)), b64url(&bytes(2)), hex(&bytes(3)));
    let read = MasterKeys::parse(&text).unwrap();
    assert_eq!(read.ids().collect::<Vec<_>>(), [key(1).id(), key(2).id(), key(3).id()]);
}

#[test]
fn no_key_and_a_key_twice_are_refused() {
    assert_eq!(MasterKeys::parse(" \n").unwrap_err(), Error::NoMasterKey);
    let twice = format!("{} {}", hex(&bytes(1)), b64url(&bytes(1)));
    assert_eq!(MasterKeys::parse(&twice).unwrap_err(), Error::MasterKeyTwice { id: key(1).id().to_owned() });
}

#[test]
fn debug_shows_the_id_alone() {
    assert_eq!(format!("{:?}", key(1)), format!("MasterKey({})", key(1).id()));
}
