//! Pages for the eye: tables, plots and pictures as one self-contained HTML file.
//!
//! [`page`](self) is the skeleton and the theme that every page shares; [`comparison_page`] fills it with what a bench
//! found, [`batch_page`] with what a batch did.
//! Nothing is fetched when a page is opened. That of a bench needs no script; the contact sheet of a batch does.

mod batch;
mod comparison;
mod number;
mod page;
#[cfg(test)]
mod page_check;
mod picture;
mod plot;
mod table;

pub use batch::{BatchPictures, batch_page};
pub use comparison::comparison_page;
