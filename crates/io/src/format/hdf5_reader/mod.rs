//! HDF5 read behind a wall.
//!
//! The C library of HDF5 trusts its files: a damaged or crafted one makes it crash, work without an end, take all
//! memory or open other files. So every file is read by a process of its own, the child, which may not open any other
//! file and has limits on memory and on computing time; whatever becomes of it, this process goes on. The child is the
//! same program with another command ([`COMMAND`]), answers one [`Question`](question::Question) after the other, and
//! ends with the handle to its file. What it sends is taken for what a stranger says.
//!
//! A program that has no such command reads in a thread of its own process, without the wall.

pub(in crate::format) mod acquisition;
mod child;
mod connection;
mod failure;
mod file;
mod question;
mod reading;
mod stored;

pub(in crate::format) use self::acquisition::{Head, TableInfo};
pub use self::child::read_for_parent;
pub(in crate::format) use self::child::words;
pub(in crate::format) use self::failure::Failure;
pub(in crate::format) use self::file::{Hdf5Array, Hdf5File, Number};
pub use self::reading::{COMMAND, Reading};
