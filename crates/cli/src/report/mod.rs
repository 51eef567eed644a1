//! Reports: tables, plots and pictures as one self-contained HTML file.
//!
//! The module `page` holds the skeleton and the theme that all pages share. [`comparison_page`] reports a bench,
//! [`batch_page`] a batch.
//! An open page fetches nothing. The page of a bench needs no script; the contact sheet of a batch does.

mod batch;
mod comparison;
mod message;
mod number;
mod page;
#[cfg(test)]
mod page_check;
mod picture;
mod plot;
mod table;

pub use batch::{BatchPictures, batch_page};
pub use comparison::comparison_page;
pub use message::MessageTemplate;
pub use number::{counted, joined_with_and, ranges};
