//! Pages as HTTP answers: the reader's language, the headers that every page has, redirects.

use crate::assets::{PAGE_CONTENT_TYPE, content_security_policy, security_headers};
use crate::locale::Locale;
use crate::render::{self, ErrorPage, Fault};
use api_core::extract::form::{BadForm, Parameters};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The header in which the node names a request, for the answer, the log line and the error page.
pub const REQUEST_ID: &str = "x-request-id";

/// Who reads the page: his language, and the name of his request.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The language of the page.
    pub locale: Locale,
    request_id: String,
}

impl Reader {
    /// The reader of a request: `ui_locales` first, then the browser's languages.
    pub fn of(headers: &HeaderMap, parameters: Option<&Parameters>) -> Reader {
        Self::with_locales(headers, parameters.and_then(|parameters| parameters.get("ui_locales")))
    }

    /// The reader and the parameters of a query, or the page that says what is wrong with it.
    pub fn with_query(
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<(Reader, Parameters), Box<Response>> {
        Self::with_parameters(headers, Parameters::of_query(query))
    }

    /// The reader and the parameters of a form, or the page that says what is wrong with it.
    pub fn with_form(
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
    ) -> Result<(Reader, Parameters), Box<Response>> {
        match body {
            Ok(body) => Self::with_parameters(headers, Parameters::of_body(headers, &body)),
            Err(_) => {
                let page = Reader::of(headers, None);
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                Err(Box::new(page.error(status, "too_large", Fault::TooLarge, None)))
            }
        }
    }

    fn with_parameters(
        headers: &HeaderMap,
        parameters: Result<Parameters, BadForm>,
    ) -> Result<(Reader, Parameters), Box<Response>> {
        let page = Reader::of(headers, parameters.as_ref().ok());
        parameters.map(|parameters| (page.clone(), parameters)).map_err(|error| {
            let detail = error.to_string();
            let status = StatusCode::BAD_REQUEST;
            Box::new(page.error(status, "invalid_request", Fault::InvalidRequest, Some(&detail)))
        })
    }

    /// The reader of a request that was begun with these `ui_locales`.
    pub fn with_locales(headers: &HeaderMap, ui_locales: Option<&str>) -> Reader {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let request_id = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or("-");
        Reader { locale: Locale::choose(ui_locales, accepted), request_id: request_id.to_owned() }
    }

    /// An error page. `detail` is for the developer of the application: it says which parameter is wrong.
    pub fn error(&self, status: StatusCode, code: &str, fault: Fault, detail: Option<&str>) -> Response {
        let page = ErrorPage { code, fault, detail, request_id: &self.request_id };
        page_response(status, render::error_page(self.locale, &page), &[])
    }

    /// The page for "try again soon".
    pub fn unavailable(&self) -> Response {
        let mut response =
            self.error(StatusCode::SERVICE_UNAVAILABLE, "unavailable", Fault::Unavailable, None);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }

    /// The page that says that nobody is signed in any more.
    pub fn signed_out(&self) -> Response {
        page_response(StatusCode::OK, render::signed_out(self.locale), &[])
    }
}

/// A page with every header that a page must have. Its forms may lead to `form_targets` besides ourselves.
pub fn page_response(status: StatusCode, html: String, form_targets: &[&str]) -> Response {
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PAGE_CONTENT_TYPE));
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy(form_targets)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in security_headers() {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Sends the browser on with a GET.
pub fn redirect(target: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(target) else {
        // A registered URI is plain ASCII and everything appended to it is escaped.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}
