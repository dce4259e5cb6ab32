//! The authorization request, and the check of what comes back: pure, so that every attack is a case of a test.

use super::super::oauth::{CLIENT_ID, Issuer, SCOPES};
use super::super::problem::printable;
use crate::exit::{Class, Failure, Outcome};
use crypto::{Entropy, b64url, draw, pkce_s256};

/// A request that waits for its answer.
pub(super) struct Asked {
    /// Ties the answer to this request (RFC 6749 §10.12).
    state: String,
    /// Ties the code to this program (RFC 7636 §4.1): 43 characters.
    verifier: String,
    redirect: String,
}

impl Asked {
    /// A new one, whose answer goes to `redirect`.
    pub(super) fn draw(entropy: &dyn Entropy, redirect: String) -> Asked {
        let text = || b64url(&draw::<32>(entropy));
        Asked { state: text(), verifier: text(), redirect }
    }

    /// Where the browser has to go.
    pub(super) fn url(&self, issuer: &Issuer) -> String {
        let start = format!("{}?", issuer.authorization_endpoint);
        let mut query = form_urlencoded::Serializer::for_suffix(String::new(), 0);
        query.append_pair("response_type", "code");
        query.append_pair("client_id", CLIENT_ID);
        query.append_pair("redirect_uri", &self.redirect);
        query.append_pair("scope", SCOPES);
        query.append_pair("state", &self.state);
        query.append_pair("code_challenge", &pkce_s256(&self.verifier));
        query.append_pair("code_challenge_method", "S256");
        start + &query.finish()
    }

    /// What proves to the token endpoint that the code is ours.
    pub(super) fn verifier(&self) -> &str {
        &self.verifier
    }

    /// Where the answer goes.
    pub(super) fn redirect(&self) -> &str {
        &self.redirect
    }

    /// Whether an answer is one to this request, and not a stranger's.
    pub(super) fn is_mine(&self, query: &str) -> bool {
        let state = single(query, "state");
        state.is_some_and(|state| crypto::same(state.as_bytes(), self.state.as_bytes()))
    }

    /// The code of an answer.
    pub(super) fn code(&self, issuer: &Issuer, query: &str) -> Outcome<String> {
        let refuse =
            |why: &str| Err(Failure::new(Class::NotSignedIn, format_args!("nobody was signed in: {why}")));
        if !self.is_mine(query) {
            return refuse("the answer belongs to another request; begin again");
        }
        // Another issuer may have been mixed in, to have our code redeemed with it (RFC 9207 §2.4).
        if single(query, "iss").as_deref() != Some(&issuer.issuer) {
            return refuse("the answer is not the node's");
        }
        if let Some(error) = single(query, "error") {
            let text = match single(query, "error_description") {
                Some(description) => format!("{error}: {description}"),
                None => error,
            };
            return refuse(&printable(&text));
        }
        match single(query, "code") {
            Some(code) if !code.is_empty() => Ok(code),
            Some(_) | None => refuse("the answer has no code"),
        }
    }
}

/// The value of a parameter that is there once: two of them would let two readers see different things.
fn single(query: &str, name: &str) -> Option<String> {
    let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(given, _)| given == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value.into_owned()),
        (Some(_) | None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::testing::SeededEntropy;

    fn issuer() -> Issuer {
        Issuer {
            issuer: "https://id.example.com".into(),
            authorization_endpoint: "https://id.example.com/oauth/v2/authorize".into(),
            token_endpoint: "https://id.example.com/oauth/v2/token".into(),
            revocation_endpoint: "https://id.example.com/oauth/v2/revoke".into(),
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636 appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let asked =
            Asked { state: "s t&".into(), verifier, redirect: "http://127.0.0.1:5000/callback".into() };
        assert_eq!(
            asked.url(&issuer()),
            "https://id.example.com/oauth/v2/authorize?response_type=code&client_id=conclave-cli\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcallback\
             &scope=openid+offline_access+urn%3Azitadel%3Aiam%3Aorg%3Aproject%3Aid%3Azitadel%3Aaud\
             &state=s+t%26&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
    }

    #[test]
    fn no_two_requests_are_alike() {
        let entropy = SeededEntropy::new(1);
        let (a, b) = (Asked::draw(&entropy, String::new()), Asked::draw(&entropy, String::new()));
        assert!(a.state != b.state && a.verifier != b.verifier && a.state != a.verifier);
        assert_eq!((a.state.len(), a.verifier.len()), (43, 43));
    }

    #[test]
    fn only_the_nodes_answer_to_this_request_is_taken() {
        let asked = Asked { state: "S".into(), verifier: "V".into(), redirect: String::new() };
        let iss = "iss=https%3A%2F%2Fid.example.com";
        let code = |query: &str| asked.code(&issuer(), query);
        assert_eq!(code(&format!("code=C&state=S&{iss}")).ok().as_deref(), Some("C"));
        for (query, part) in [
            (format!("code=C&{iss}"), "another request"),
            (format!("code=C&state=T&{iss}"), "another request"),
            (format!("code=C&state=S&state=S&{iss}"), "another request"),
            (format!("code=C&state=&{iss}"), "another request"),
            ("code=C&state=S".to_owned(), "not the node's"),
            ("code=C&state=S&iss=https%3A%2F%2Fevil.example".to_owned(), "not the node's"),
            (format!("code=C&state=S&{iss}&{iss}"), "not the node's"),
            (format!("state=S&{iss}"), "no code"),
            (format!("code=&state=S&{iss}"), "no code"),
            (format!("code=C&code=D&state=S&{iss}"), "no code"),
            (format!("error=access_denied&state=S&{iss}"), "access_denied"),
            (format!("error=x&error_description=a%0Ab&state=S&{iss}"), "x: a b"),
            (format!("code=C&error=access_denied&state=S&{iss}"), "access_denied"),
            (String::new(), "another request"),
        ] {
            let failure = code(&query).unwrap_err();
            assert_eq!(failure.class, Class::NotSignedIn);
            assert!(failure.text.contains(part), "{query}: {}", failure.text);
        }
    }
}
