//! Certificates of the cluster's own: the authority that `init` makes, and what it issues to nodes.
//!
//! ECDSA on P-256 throughout. Chance comes from the cryptographic library, as with
//! [`SigningKey::generate`](crate::SigningKey::generate): a private key is never drawn elsewhere. Times and serial
//! numbers are arguments. These certificates are for peers only; no browser ever sees one.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SerialNumber,
};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::{Error, Secret, sha256};

/// From when until when a certificate holds, in seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub not_before: u64,
    pub not_after: u64,
}

/// A private key that signs the certificates of a cluster's nodes, with its own certificate.
pub struct Authority {
    certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with the private key it was made for.
#[derive(Clone)]
pub struct Issued {
    /// In DER.
    pub certificate: Vec<u8>,
    /// The private key, PKCS #8 in DER.
    pub pkcs8: Secret<Vec<u8>>,
}

/// What a certificate says of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The DNS names it may be addressed by.
    pub names: Vec<String>,
    /// When it holds.
    pub validity: Validity,
}

impl Authority {
    /// Makes a new authority that signs itself. `title` is its common name, which every certificate of it repeats.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn generate(title: &str, validity: Validity, serial: &[u8; 16]) -> Result<Authority, Error> {
        let key = KeyPair::generate().map_err(certificate)?;
        let mut params = authority_params(title);
        set(&mut params, validity, serial)?;
        let own = params.self_signed(&key).map_err(certificate)?;
        Ok(Authority { certificate: own.der().to_vec(), issuer: Issuer::new(params, key) })
    }

    /// An authority from what [`certificate`](Self::certificate) and [`pkcs8`](Self::pkcs8) gave, under the same title.
    ///
    /// # Errors
    /// [`Error::Certificate`] if the key can't be read.
    pub fn from_parts(title: &str, own: Vec<u8>, pkcs8: &Secret<Vec<u8>>) -> Result<Authority, Error> {
        let key = KeyPair::try_from(pkcs8.expose().as_slice()).map_err(certificate)?;
        Ok(Authority { certificate: own, issuer: Issuer::new(authority_params(title), key) })
    }

    /// Its own certificate, in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Its private key, PKCS #8 in DER.
    pub fn pkcs8(&self) -> Secret<Vec<u8>> {
        Secret::new(self.issuer.key().serialize_der())
    }

    /// Makes a key and a certificate for the owner of these DNS names, good as client and as server.
    ///
    /// # Errors
    /// [`Error::Certificate`], also for what is no DNS name.
    pub fn issue(&self, names: &[String], validity: Validity, serial: &[u8; 16]) -> Result<Issued, Error> {
        let key = KeyPair::generate().map_err(certificate)?;
        let mut params = CertificateParams::new(names.to_vec()).map_err(certificate)?;
        set(&mut params, validity, serial)?;
        params.distinguished_name = common_name(names.first().map_or("", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let issued = params.signed_by(&key, &self.issuer).map_err(certificate)?;
        Ok(Issued { certificate: issued.der().to_vec(), pkcs8: Secret::new(key.serialize_der()) })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", crate::hex(&fingerprint(&self.certificate)))
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued({})", crate::hex(&fingerprint(&self.certificate)))
    }
}

/// SHA-256 over a certificate in DER: by this it is pinned.
pub fn fingerprint(der: &[u8]) -> [u8; 32] {
    sha256(der)
}

/// Reads a certificate in DER. It proves nothing: whether to believe it is decided by TLS.
///
/// # Errors
/// [`Error::Certificate`] for anything else than one whole certificate.
pub fn describe(der: &[u8]) -> Result<Described, Error> {
    let (rest, parsed) = X509Certificate::from_der(der).map_err(certificate)?;
    if !rest.is_empty() {
        return Err(Error::Certificate { why: "bytes follow it".to_owned() });
    }
    let names = match parsed.subject_alternative_name().map_err(certificate)? {
        Some(extension) => extension.value.general_names.iter().filter_map(dns_name).collect(),
        None => Vec::new(),
    };
    let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
    let validity = Validity {
        not_before: seconds(parsed.validity().not_before.timestamp()),
        not_after: seconds(parsed.validity().not_after.timestamp()),
    };
    Ok(Described { names, validity })
}

/// A certificate as people's tools read it.
pub fn to_pem(der: &[u8]) -> String {
    pem::encode(&pem::Pem::new("CERTIFICATE", der))
}

/// The certificate in a PEM file.
///
/// # Errors
/// [`Error::Certificate`] if there is none.
pub fn from_pem(text: &str) -> Result<Vec<u8>, Error> {
    let parsed = pem::parse(text).map_err(certificate)?;
    if parsed.tag() != "CERTIFICATE" {
        return Err(Error::Certificate { why: format!("it is a {}", parsed.tag()) });
    }
    Ok(parsed.into_contents())
}

fn dns_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    }
}

fn authority_params(title: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(title);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn common_name(title: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, title);
    name
}

fn set(params: &mut CertificateParams, validity: Validity, serial: &[u8; 16]) -> Result<(), Error> {
    let time = |seconds: u64| {
        let seconds = i64::try_from(seconds).map_err(certificate)?;
        OffsetDateTime::from_unix_timestamp(seconds).map_err(certificate)
    };
    params.not_before = time(validity.not_before)?;
    params.not_after = time(validity.not_after)?;
    params.serial_number = Some(SerialNumber::from_slice(serial));
    Ok(())
}

fn certificate(error: impl fmt::Display) -> Error {
    Error::Certificate { why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: Validity = Validity { not_before: 1_790_000_000, not_after: 1_821_536_000 };
    const DAY: Validity = Validity { not_before: 1_790_000_000, not_after: 1_790_086_400 };

    fn authority() -> Authority {
        Authority::generate("Conclave cluster 01", YEAR, &[1; 16]).unwrap()
    }

    #[test]
    fn an_issued_certificate_says_its_names_and_times() {
        let names = vec!["node-2.01.conclave".to_owned(), "member.01.conclave".to_owned()];
        let issued = authority().issue(&names, DAY, &[2; 16]).unwrap();
        assert_eq!(describe(&issued.certificate).unwrap(), Described { names, validity: DAY });
    }

    #[test]
    fn an_authority_read_back_signs_for_the_same_certificate() {
        let first = authority();
        let again =
            Authority::from_parts("Conclave cluster 01", first.certificate().to_vec(), &first.pkcs8())
                .unwrap();
        let issued = again.issue(&["node-1.01.conclave".to_owned()], DAY, &[3; 16]).unwrap();
        let (_, own) = X509Certificate::from_der(first.certificate()).unwrap();
        let (_, leaf) = X509Certificate::from_der(&issued.certificate).unwrap();
        assert_eq!(leaf.issuer(), own.subject());
        assert!(own.is_ca() && !leaf.is_ca());
    }

    #[test]
    fn every_key_is_a_new_one() {
        let authority = authority();
        let names = ["node-1.01.conclave".to_owned()];
        let (one, two) = (authority.issue(&names, DAY, &[4; 16]), authority.issue(&names, DAY, &[4; 16]));
        assert_ne!(one.unwrap().pkcs8.expose(), two.unwrap().pkcs8.expose());
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let whole = authority().certificate().to_vec();
        for wrong in [&whole[..whole.len() - 1], &[whole.as_slice(), b"x"].concat(), b"", b"\x30\x00"] {
            assert!(matches!(describe(wrong), Err(Error::Certificate { .. })));
        }
        assert!(authority().issue(&["not a name\u{e4}".to_owned()], DAY, &[5; 16]).is_err());
    }

    #[test]
    fn pem_leads_back_to_the_same_certificate() {
        let authority = authority();
        assert_eq!(from_pem(&to_pem(authority.certificate())).unwrap(), authority.certificate());
        assert!(from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").is_err());
        assert!(from_pem("").is_err());
    }

    #[test]
    fn no_debug_output_holds_a_key() {
        let authority = authority();
        let issued = authority.issue(&["node-1.01.conclave".to_owned()], DAY, &[6; 16]).unwrap();
        for text in [format!("{authority:?}"), format!("{issued:?}")] {
            assert!(text.len() < 100, "{text}");
        }
    }
}
