//! Chance and keys that repeat, for the tests of every crate. Never for a running node.
//!
//! It is plain `pub` because tests of other crates need it and a cargo feature would make a second build of
//! the workspace. The signing keys are published ones: they protect nothing.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use blake3::OutputReader;

use crate::{Alg, Entropy, PasswordParams, Secret, SigningKey, unb64url};

/// Argon2 at a cost that tests can pay.
pub const CHEAP_PASSWORDS: PasswordParams = PasswordParams { memory_kib: 64, passes: 1, lanes: 1 };

/// Endless bytes that depend on the seed alone (BLAKE3 in counter mode); for tests only.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<OutputReader>);

impl SeededEntropy {
    /// Starts the stream of `seed`; equal seeds give equal streams.
    pub fn new(seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("conclave tests seeded entropy v1");
        hasher.update(&seed.to_be_bytes());
        Self(Mutex::new(hasher.finalize_xof()))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        // A panic elsewhere leaves the stream where it was: still good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(out);
    }
}

/// Returns the same key for the same `alg` each time, under the kid `test-es256`, `test-rs256` or
/// `test-eddsa`.
///
/// ES256 is the published key of RFC 7515 A.3; RS256 that of A.2; EdDSA that of RFC 8037 A.1.
///
/// # Panics
/// Never: the keys are constants that this crate's tests parse.
pub fn signing_key(alg: Alg) -> SigningKey {
    let kid = match alg {
        Alg::Es256 => "test-es256",
        Alg::Rs256 => "test-rs256",
        Alg::EdDsa => "test-eddsa",
    };
    SigningKey::from_pkcs8(kid, alg, &pkcs8(alg)).expect("a constant key parses")
}

/// The document behind [`signing_key`].
pub fn pkcs8(alg: Alg) -> Secret<Vec<u8>> {
    let text = match alg {
        Alg::Es256 => ES256_PKCS8,
        Alg::Rs256 => RS256_PKCS8,
        Alg::EdDsa => EDDSA_PKCS8,
    };
    Secret::new(unb64url(text).expect("a constant is base64url"))
}

/// Runs a future that never waits, as those of the in-process keys and signers; no runtime is needed.
///
/// # Panics
/// If the future would wait.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("this future waits: run it on a runtime"),
    }
}

const ES256_PKCS8: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LKhRANCAAR_zc4ncPbEXUGDy-5v20t7WAczNXvp7xO6z248e9FURcfxRM0bvZt-hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt";

const EDDSA_PKCS8: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v_VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";

const RS256_PKCS8: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh-BYK4uPJtGXOjS1lYmM2K5J9vinh8CR3_BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxLaYk8wTM_U-3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNnjuygxmj3AbONv_s4yDQs4v5tJ_reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkftoaHLFcW9Qr4NY2ai50Xw0Byj3-H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHgVFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0KpLttoLhyt3SmqdEf_kgHePDdtzEafpAu-cS191R2JiuoF2yzWXnwFDcqGigp5BNr0AHQfD8_Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqElMGAg-C2V0L4oNXnP7LZcPAZRwKBgQC5A8R-CZW2MvRTLLHzwZkUXV866cff7tx6kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAPrq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS_l1OW1EnXUEoEHKl54Xrrz2uNwkgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7_Ls5bkUp5u9SN0Ai3Ya6hNnvWJMb7sXQX6U_zyO2M_hTip7tUeh7CXgwo59dkpN75gJLVds29-DAncu3KXU4f2Fa-7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf_evpitUf-4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcGyoAe9fa65iNqCq-jdw6PVNGo2hxfjSiZ8IIzHdsPXI89__pMjZcQK9r-CCoRjaZjOYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_stream_whatever_the_pieces() {
        let (whole, pieces) = (SeededEntropy::new(7), SeededEntropy::new(7));
        let expected = whole.bytes::<100>();
        let mut found = pieces.bytes::<33>().to_vec();
        found.extend(pieces.bytes::<67>());
        assert_eq!(found, expected);
    }

    #[test]
    fn seeds_differ() {
        assert_ne!(SeededEntropy::new(7).bytes::<32>(), SeededEntropy::new(8).bytes::<32>());
    }

    #[test]
    fn the_stream_is_pinned() {
        assert_eq!(crate::hex(&SeededEntropy::new(1).bytes::<8>()), "fc8ed33080b3a8db");
    }
}
