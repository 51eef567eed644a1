//! Rows of ISMRMRD's table of acquisitions, as this program reads them.

use hdf5::types::VarLenArray;

#[derive(Clone, Copy, Default, hdf5::H5Type)]
#[repr(C)]
pub struct Counters {
    pub kspace_encode_step_1: u16,
    pub kspace_encode_step_2: u16,
    pub slice: u16,
    pub contrast: u16,
    pub phase: u16,
    pub repetition: u16,
    pub set: u16,
    pub user: [u16; 8],
}

#[derive(Clone, Copy, Default, hdf5::H5Type)]
#[repr(C)]
pub struct Head {
    pub flags: u64,
    pub number_of_samples: u16,
    pub active_channels: u16,
    pub discard_pre: u16,
    pub discard_post: u16,
    pub center_sample: u16,
    pub encoding_space_ref: u16,
    pub trajectory_dimensions: u16,
    pub sample_time_us: f32,
    pub position: [f32; 3],
    pub read_dir: [f32; 3],
    pub phase_dir: [f32; 3],
    pub slice_dir: [f32; 3],
    pub idx: Counters,
}

#[derive(Clone, hdf5::H5Type)]
#[repr(C)]
pub struct Readout {
    pub head: Head,
    pub traj: VarLenArray<f32>,
    pub data: VarLenArray<f32>,
}
