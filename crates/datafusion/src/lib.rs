//! Runs mlsys on DataFusion.
