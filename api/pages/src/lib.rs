//! Server-rendered pages: sign-in, sign-out and errors, as plain HTML without JavaScript.
//!
//! The rendering half is pure: data and a locale go in, HTML comes out. It knows nothing of HTTP, cookies or the
//! cluster. Reading order: [`locale`] (which language), [`texts`] (its words), [`render`] (one file per page),
//! [`assets`] (style sheet, icon, and the headers a page must be sent with).

pub mod assets;
pub mod locale;
pub mod render;
pub mod texts;
