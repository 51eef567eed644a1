//! What links and virtual datasets name, which the `hdf5` crate does not tell. The one place with `unsafe`: each call
//! hands HDF5 a buffer and its length.

use std::ffi::{CStr, CString};

use hdf5::plist::DatasetCreate;
use hdf5_sys::h5l::{H5L_info2_t, H5L_type_t, H5Lget_info2, H5Lget_val};
use hdf5_sys::h5p::{H5Pget_virtual_count, H5Pget_virtual_dsetname, H5Pget_virtual_filename};

/// No name is longer.
const LONGEST: usize = 1 << 16;
/// `H5P_DEFAULT`.
const DEFAULT: i64 = 0;

/// A member of a group.
#[derive(Debug, PartialEq)]
pub(super) enum Link {
    /// To an object of the file.
    Hard,
    /// To a name in the file.
    Soft(String),
    /// To a name in another file.
    External { file: String, object: String },
    /// Of a kind that is not known.
    Other,
}

/// The link of this name in a group; `None` where there is none.
pub(super) fn link(group: &hdf5::Group, name: &str) -> Option<Link> {
    let name = CString::new(name).ok()?;
    let mut info = H5L_info2_t::default();
    let mut value = vec![0u8; LONGEST + 1];
    let found = hdf5::sync::sync(|| unsafe {
        let found = H5Lget_info2(group.id(), name.as_ptr(), &raw mut info, DEFAULT) >= 0;
        let valued = found && info.type_ != H5L_type_t::H5L_TYPE_HARD;
        // what is longer is cut, and the last byte stays zero
        let read = !valued || H5Lget_val(group.id(), name.as_ptr(), value.as_mut_ptr().cast(), LONGEST, DEFAULT) >= 0;
        found && read
    });
    if !found {
        return None;
    }
    Some(match info.type_ {
        H5L_type_t::H5L_TYPE_HARD => Link::Hard,
        H5L_type_t::H5L_TYPE_SOFT => Link::Soft(text(&value)),
        H5L_type_t::H5L_TYPE_EXTERNAL => {
            // a byte of flags, then two texts
            let file = &value[1..];
            let object = file.iter().position(|&byte| byte == 0).map_or(0, |end| end + 1);
            Link::External {
                file: text(file),
                object: text(&file[object..]),
            }
        }
        _ => Link::Other,
    })
}

/// File and dataset of each source of a virtual dataset.
pub(super) fn virtual_sources(created: &DatasetCreate) -> hdf5::Result<Vec<(String, String)>> {
    let mut count = 0;
    let counted = hdf5::sync::sync(|| unsafe { H5Pget_virtual_count(created.id(), &raw mut count) });
    if counted < 0 {
        return Err("the sources of a virtual dataset cannot be counted".into());
    }
    let named = |index: usize| {
        let [mut file, mut dataset] = [(); 2].map(|()| vec![0u8; LONGEST + 1]);
        let read = hdf5::sync::sync(|| unsafe {
            let file = H5Pget_virtual_filename(created.id(), index, file.as_mut_ptr().cast(), LONGEST);
            let dataset = H5Pget_virtual_dsetname(created.id(), index, dataset.as_mut_ptr().cast(), LONGEST);
            file.min(dataset)
        });
        if read < 0 {
            return Err("a source of a virtual dataset cannot be read".into());
        }
        Ok((text(&file), text(&dataset)))
    };
    (0..count).map(named).collect()
}

/// Up to the first zero.
fn text(bytes: &[u8]) -> String {
    CStr::from_bytes_until_nul(bytes).map_or(String::new(), |text| text.to_string_lossy().into_owned())
}
